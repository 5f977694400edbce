#include "attnewton/linalg/finite_check.hpp"

#include <cmath>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"

namespace attnewton {

void check_finite(double entry, std::string_view name, Index row, Index column) {
  if (!std::isfinite(entry))
    throw DataError(fmt::format("{}: {} at row {}, column {} (counted from 0)", name, entry, row, column));
}

void check_finite(const Matrix& a, std::string_view name, Index first_row, Index first_column) {
  for (Index i = 0; i < a.rows(); ++i) {
    for (Index j = 0; j < a.cols(); ++j) check_finite(a(i, j), name, first_row + i, first_column + j);
  }
}

}  // namespace attnewton
