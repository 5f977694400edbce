#include "attnewton/linalg/packed_symmetric.hpp"

#include <algorithm>

namespace attnewton {

void pack_symmetric(const ConstMatrixRef& symmetric, double* out) {
  for (Index a = 0; a < symmetric.rows(); ++a) {
    const double* row = symmetric.data() + a * symmetric.outerStride();
    out = std::copy(row, row + a + 1, out);
  }
}

void unpack_symmetric(const double* packed, MatrixRef symmetric) {
  for (Index a = 0; a < symmetric.rows(); ++a) {
    for (Index b = 0; b <= a; ++b, ++packed) {
      symmetric(a, b) = *packed;
      symmetric(b, a) = *packed;
    }
  }
}

}  // namespace attnewton
