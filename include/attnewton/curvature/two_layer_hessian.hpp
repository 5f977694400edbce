// Hessian of the two-layer regression, exact or Gauss–Newton (MATHEMATICS §2, "Two-layer").
#pragma once

#include "attnewton/curvature/hessian_model.hpp"
#include "attnewton/curvature/weighted_gram.hpp"
#include "attnewton/problems/two_layer.hpp"

namespace attnewton {

/// With Q = A₂ J A₁ = ∂y/∂x,
///   H = Qᵀ diag(σ′² + σ″∘r) Q + A₁ᵀ diag(p + w²) A₁ − (A₁ᵀp)(A₁ᵀf)ᵀ − (A₁ᵀf)(A₁ᵀp)ᵀ + λI,
/// and of it the Gauss–Newton part Qᵀ diag(σ′²) Q + A₁ᵀW²A₁ + λI, which is always ⪰ 0.
/// Q is made of all ranks' columns of A₂ and its rows are shared out over ranks (output_jacobian()); panels
/// of rows of both Gram matrices go to the owners of H's tiles while the next ones are being added up. Memory
/// per rank besides its share of H: m d / P numbers and some panels of some tens of MiB. Cost 2 m·entries
/// flops for Q, entries those of A₁'s local rows, and (m / P) d (d + 64) for its Gram matrix; n_local d (d +
/// 64) (dense) or Σ nnz_row² (sparse) for that of A₁. Volume: m d numbers of Q and d²/2 of H a rank.
class TwoLayerHessian : public HessianModel {
 public:
  /// `problem` must outlive this. Local, O(entries) for sparse rows.
  TwoLayerHessian(const TwoLayerProblem& problem, HessianForm form)
      : problem_(problem), form_(form), gram_(problem.data().a1) {}

  std::string name() const override { return to_string(form_); }
  void assemble(const Point& point, const Progress& progress, DistributedMatrix& h) const override;

 private:
  Vector output_weights(const TwoLayerPoint& point) const;
  Vector score_weights(const TwoLayerPoint& point) const;

  const TwoLayerProblem& problem_;
  HessianForm form_;
  WeightedGram gram_;  // of A₁
};

}  // namespace attnewton
