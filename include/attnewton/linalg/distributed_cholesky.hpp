// Cholesky factorisation of a distributed symmetric matrix (ScaLAPACK pdpotrf) and solves with it.
#pragma once

#include <optional>

#include "attnewton/linalg/distributed_matrix.hpp"

namespace attnewton {

/// H + D = L Lᵀ, kept for solves; D = shift on the first diagonal entries, 0 on the others.
class DistributedCholesky {
 public:
  /// Factors H + D from the lower triangle of the square matrix H, which is left as it is; D shifts the first
  /// `shifted` unknowns. None if H + D is not positive definite (or not finite). Collective, n³/3 flops over
  /// all ranks.
  static std::optional<DistributedCholesky> factor(const DistributedMatrix& h, double shift, Index shifted);

  /// (H + D)⁻¹ rhs, rhs and the result whole on every rank. Collective, 2n² flops over all ranks.
  Vector solve(const Vector& rhs) const;

  /// L, in the lower triangle.
  const DistributedMatrix& lower() const { return factor_; }

 private:
  explicit DistributedCholesky(DistributedMatrix factor) : factor_(std::move(factor)) {}
  DistributedMatrix factor_;
};

}  // namespace attnewton
