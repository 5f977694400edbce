// Hessian of the attention problem, exact or Gauss–Newton, by the structure of MATHEMATICS §1.
#pragma once

#include "attnewton/curvature/hessian_model.hpp"
#include "attnewton/problems/attention.hpp"

namespace attnewton {

/// H = [H_xx H_xy; H_yx H_yy] for joint variables, its Schur complement H_xx − H_xy (K_y⁻¹⊗I) H_yx for
/// projected ones. Each rank adds up the packed products of its query rows in chunks, on TBB's threads; the
/// sums go to the owners of H's tiles panel by panel. Memory per rank besides its share of H: d₁²d₂²/4 +
/// 2 d₁d₂d₃e numbers, a chunk, and some panels of d₁d₂² numbers at most (which is much where d₁ is small).
/// Cost n m d² + n d⁴/4 + 2 n d³ e multiply–adds (exact), then d⁴ d e / 2 for the Schur complement.
class AttentionHessian : public HessianModel {
 public:
  /// `problem` must outlive this.
  AttentionHessian(const AttentionProblem& problem, HessianForm form) : problem_(problem), form_(form) {}

  std::string name() const override { return to_string(form_); }
  void assemble(const Point& point, const Progress& progress, DistributedMatrix& h) const override;

 private:
  const AttentionProblem& problem_;
  HessianForm form_;
};

}  // namespace attnewton
