// The solution of a small dense system by Gaussian elimination, sharing no code with the product.
#pragma once

#include <vector>

#include "support/hyper_dual.hpp"

namespace attnewton::testing_support {

/// M⁻¹ rhs for a small symmetric positive definite M.
inline Vector plain_solution(const Matrix& m, const Vector& rhs) {
  const auto n = static_cast<std::size_t>(m.rows());
  std::vector<std::vector<double>> rows(n, std::vector<double>(n));
  std::vector<std::vector<double>> solution(n, std::vector<double>(1));
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) rows[i][j] = m(static_cast<Index>(i), static_cast<Index>(j));
    solution[i][0] = rhs[static_cast<Index>(i)];
  }
  plain_solve(rows, solution);
  Vector result(rhs.size());
  for (std::size_t i = 0; i < n; ++i) result[static_cast<Index>(i)] = solution[i][0];
  return result;
}

}  // namespace attnewton::testing_support
