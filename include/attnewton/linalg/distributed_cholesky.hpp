// Cholesky factorisation of a distributed symmetric matrix (ScaLAPACK pdpotrf) and solves with it.
#pragma once

#include <optional>

#include "attnewton/linalg/distributed_matrix.hpp"

namespace attnewton {

/// H + shift I = L Lᵀ, kept for solves.
class DistributedCholesky {
 public:
  /// Factors H + shift I from the lower triangle of the square matrix H, which is left as it is. None if it
  /// is not positive definite (or not finite). Collective, n³/3 flops over all ranks.
  static std::optional<DistributedCholesky> factor(const DistributedMatrix& h, double shift);

  /// (H + shift I)⁻¹ rhs, rhs and the result whole on every rank. Collective, 2n² flops over all ranks.
  Vector solve(const Vector& rhs) const;

 private:
  explicit DistributedCholesky(DistributedMatrix factor) : factor_(std::move(factor)) {}
  DistributedMatrix factor_;
};

}  // namespace attnewton
