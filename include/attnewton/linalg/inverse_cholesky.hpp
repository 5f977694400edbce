// The Cholesky factor of a matrix' inverse, without the inverse.
#pragma once

#include <optional>

#include "attnewton/core/types.hpp"

namespace attnewton {

/// Upper triangular U with positive diagonal and UᵀU = H⁻¹, zeros below the diagonal. Symmetric H (d × d) is
/// given by its upper triangle and read no further. With H's rows and columns in reversed order, JHJ = LLᵀ,
/// U = JL⁻¹J: one factorisation and the inverse of a triangle (LAPACK dpotrf, dtrtri), so that H⁻¹ and its
/// rounding never appear. None if H is not positive definite or not finite. Local, 2d³/3 flops, memory two
/// matrices. Throws InternalError if H is not square.
std::optional<Matrix> inverse_cholesky_factor(const Matrix& h);

}  // namespace attnewton
