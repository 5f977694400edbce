// Solves with the factor of K_y. Internal to this module.
#pragma once

#include "attnewton/core/types.hpp"

namespace attnewton {

/// (L Lᵀ)⁻¹ rhs of a lower Cholesky factor L.
Matrix solve_with_factor(const Matrix& lower, const Matrix& rhs);

}  // namespace attnewton
