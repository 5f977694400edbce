// Hessian of the regressions on one vector, exact or Gauss–Newton (MATHEMATICS §2).
#pragma once

#include "attnewton/curvature/hessian_model.hpp"
#include "attnewton/curvature/weighted_gram.hpp"
#include "attnewton/problems/regression.hpp"

namespace attnewton {

/// H = Aᵀ(diag(δ) + W²)A + κ g gᵀ − g mᵀ − m gᵀ + λI with g = Aᵀg̃, m = Aᵀs. Panels of rows of the Gram
/// matrix go to the owners of H's tiles while the next ones are being added up. Memory per rank besides its
/// share of H: a few panels of some tens of MiB. Cost n d (d + 64) flops (dense; half of a full product) or
/// Σ nnz_row² (sparse; A is never made dense), shared out by rows; the rank-2 part comes with the gradient.
/// The Gauss–Newton form drops φ″ from δ and, with softmax, q from s.
class RegressionHessian : public HessianModel {
 public:
  /// `problem` must outlive this. Local, O(entries) for sparse rows.
  explicit RegressionHessian(const RegressionProblem& problem, HessianForm form = HessianForm::exact)
      : problem_(problem), form_(form), gram_(problem.data().a) {}

  std::string name() const override { return to_string(form_); }
  void assemble(const Point& point, const Progress& progress, DistributedMatrix& h) const override;

 private:
  const RegressionProblem& problem_;
  HessianForm form_;
  WeightedGram gram_;
};

}  // namespace attnewton
