#include "regression_start.hpp"

#include <cmath>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"
#include "attnewton/io/npy.hpp"
#include "attnewton/parallel/agreement.hpp"
#include "attnewton/random/stream.hpp"

namespace attnewton {
namespace {

double squared_norm(const RowMatrix& a) {
  if (!a.is_sparse()) return a.dense().squaredNorm();
  double sum = 0;
  for (const double value : a.sparse().values) sum += value * value;
  return sum;
}

}  // namespace

Vector read_unknown(const Problem& problem, const std::string& path) {
  Vector x;
  agree_on_errors(problem.comm(), [&] {
    const NpyFile file = open_npy(path);
    if (file.columns() != 1 || file.rows() != problem.unknowns())
      throw DataError(
          fmt::format("{}: x is {} x {}, but A has {} columns (with --append-ones that of ones "
                      "counts): it must be {} numbers",
                      path, file.rows(), file.columns(), problem.unknowns(), problem.unknowns()));
    x = read_npy(path).col(0);
  });
  return x;
}

Vector random_start(const Communicator& comm, const RowMatrix& a, std::uint64_t seed) {
  const auto rows = static_cast<double>(comm.sum(a.rows()));
  const double row_norm = std::sqrt(comm.sum(squared_norm(a)) / rows);
  const RandomStream stream(seed, RandomPurpose::start);
  const Vector x = stream.normal_rows({0, a.columns()}, 1).col(0);
  return row_norm > 0 && std::isfinite(row_norm) ? Vector(x / row_norm) : x;
}

}  // namespace attnewton
