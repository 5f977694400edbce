#include "attnewton/pruning/input_gram.hpp"

#include "attnewton/core/error.hpp"
#include "attnewton/linalg/blas.hpp"

namespace attnewton {

Matrix input_gram(const Communicator& comm, const Matrix& rows) {
  const Index d = rows.cols();
  require(comm.min(d) == comm.max(d), "input_gram: every rank's rows have as many columns");
  Matrix gram = transpose_product(rows, rows);
  comm.sum(gram);
  return gram;
}

Vector input_norms(const Matrix& gram) {
  return gram.diagonal().cwiseSqrt();
}

}  // namespace attnewton
