// Lanczos' method on a distributed symmetric matrix: a cheap upper bound of its smallest eigenvalue.
#pragma once

#include "attnewton/linalg/distributed_matrix.hpp"

namespace attnewton {

/// Smallest Ritz value of symmetric H (lower triangle) after `steps` Lanczos steps with full
/// reorthogonalisation from a fixed start. It is never below λ_min(H) but for rounding, so H + μI is surely
/// not positive definite when ritz + μ < 0; within a few dozen steps it is usually close to λ_min.
/// Collective; `steps` products with H and 2 n steps² flops.
double smallest_ritz_value(const DistributedMatrix& h, Index steps);

}  // namespace attnewton
