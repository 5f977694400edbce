// How far an approximate Hessian is from the exact one, and what that makes of Newton's method (MATHEMATICS
// §7).
#pragma once

#include <optional>

#include "attnewton/linalg/distributed_matrix.hpp"

namespace attnewton {

/// The smallest ε with (1−ε)H ⪯ H̃ ⪯ (1+ε)H, from the eigenvalues of H⁻¹H̃; the same on every rank. None if
/// H is not positive definite or a number is not finite. Both by their lower triangles, on one grid.
/// Collective; some 3 d³ flops over all ranks.
std::optional<double> hessian_distortion(const DistributedMatrix& exact,
                                         const DistributedMatrix& approximate);

/// ε/(1−ε): what a step θ − H̃⁻¹g near the solution takes the error's H̃-norm to at most, but for terms of
/// second order. Infinite for ε ≥ 1, where H̃ need not be positive definite.
double predicted_contraction(double distortion);

}  // namespace attnewton
