// TensorSRHT: a sketch of Kronecker products by sampled rows (arXiv 2309.07418, Def. 13.2; MATHEMATICS §6).
#pragma once

#include "attnewton/sketch/srht.hpp"

namespace attnewton {

/// S = m^{−1/2} P (H D₁ ⊗ H D₂) ∈ R^{m × n₁n₂}, P m rows drawn uniformly and independently: E[SᵀS] = I. Row r
/// of S (A₁ ⊗ A₂) is u_rᵀ ⊗ v_rᵀ with the rows of U = left() A₁ (m × d₁) and V = right() A₂ (m × d₂); the
/// factor m^{−1/2} is in U. Both are linear, so that ranks with some rows of A₁ and A₂ each give terms which
/// add up to U and V. A value; local.
class TensorSrht {
 public:
  TensorSrht(Index rows, Index left_columns, Index right_columns, const SketchDraws& draws);

  Index rows() const { return left_.rows(); }
  /// m^{−1/2} P₁ H D₁ (m × n₁) and P₂ H D₂ (m × n₂).
  const SampledHadamard& left() const { return left_; }
  const SampledHadamard& right() const { return right_; }

 private:
  SampledHadamard left_;
  SampledHadamard right_;
};

}  // namespace attnewton
