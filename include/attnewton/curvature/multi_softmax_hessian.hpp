// Hessian of multiple softmax regressions, exact or Gauss–Newton, by the structure of MATHEMATICS §1.
#pragma once

#include "attnewton/curvature/hessian_model.hpp"
#include "attnewton/problems/multi_softmax.hpp"

namespace attnewton {

/// H = Σ_j (a_j a_jᵀ) ⊗ M_j + (A₁ᵀW²A₁) ⊗ (A₂ᵀA₂) + λI with M_j = scale²·A₂ᵀ Bz_j A₂, Bz_j being diagonal
/// plus rank 2 (MATHEMATICS §2) and nothing of it left out; for Gauss–Newton Bz_j = (∂r/∂z)ᵀ(∂r/∂z), so that
/// H ⪰ 0. Each rank adds up the packed products of its query rows in chunks, on TBB's threads; the sums go to
/// the owners of H's tiles panel by panel. Memory per rank besides its share of H: d₁²d₂²/4 numbers, a chunk
/// of at most 96 MiB (or 64 rows), and some panels of d₁d₂² numbers at most. Cost n m (d₂²/2 + 3 d₂) + n
/// d₁²d₂²/4 multiply–adds and n m exponentials.
class MultiSoftmaxHessian : public HessianModel {
 public:
  /// `problem` must outlive this.
  MultiSoftmaxHessian(const MultiSoftmaxProblem& problem, HessianForm form)
      : problem_(problem), form_(form) {}

  std::string name() const override { return to_string(form_); }
  void assemble(const Point& point, const Progress& progress, DistributedMatrix& h) const override;

 private:
  const MultiSoftmaxProblem& problem_;
  HessianForm form_;
};

}  // namespace attnewton
