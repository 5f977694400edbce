// Eigenvalues of a pair of distributed symmetric matrices (ScaLAPACK pdsygst and pdsyev).
#pragma once

#include <optional>

#include "attnewton/linalg/distributed_matrix.hpp"

namespace attnewton {

/// The λ with A x = λ B x for some x ≠ 0, rising, the same on every rank; A and B symmetric by their lower
/// triangles, of one order, grid and block. None if B is not positive definite or a number is not finite.
/// Collective; some 3 n³ flops over all ranks, and a copy of each matrix.
std::optional<Vector> generalised_eigenvalues(const DistributedMatrix& a, const DistributedMatrix& b);

}  // namespace attnewton
