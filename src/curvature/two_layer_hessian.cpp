#include "attnewton/curvature/two_layer_hessian.hpp"

#include "attnewton/core/error.hpp"
#include "attnewton/core/timing.hpp"
#include "attnewton/curvature/gram_assembly.hpp"
#include "attnewton/curvature/output_jacobian.hpp"
#include "attnewton/linalg/row_reducer.hpp"

namespace attnewton {

// Of the rows of Q, all m.
Vector TwoLayerHessian::output_weights(const TwoLayerPoint& point) const {
  if (form_ == HessianForm::exact) return curvature_by_outputs(point);
  return point.layer.slope.array().square();
}

// Of this rank's rows of A₁; empty if A₁ has no part in H by itself.
Vector TwoLayerHessian::score_weights(const TwoLayerPoint& point) const {
  if (form_ == HessianForm::gauss_newton) return problem_.regulariser().weights_squared();
  Vector weights = point.slope;
  problem_.regulariser().add_curvature(weights);
  return weights;
}

void TwoLayerHessian::assemble(const Point& base, const Progress& /*progress*/, DistributedMatrix& h) const {
  const auto& point = static_cast<const TwoLayerPoint&>(base);
  const Communicator& comm = problem_.comm();
  require(h.rows() == problem_.unknowns() && h.columns() == problem_.unknowns(),
          "TwoLayerHessian::assemble: h is unknowns × unknowns");
  h.set_zero();
  const auto [g, pulled_slope] = pull_back(comm, problem_.data().a1, point.probabilities, point.slope);
  RowMatrix q;
  {
    const TimingScope timing("jacobian of outputs");
    q = output_jacobian(problem_, point, g);
  }
  const WeightedGram gram_q(q);
  const Vector of_outputs = dealt_entries(comm, output_weights(point));
  const Vector of_scores = score_weights(point);
  std::vector<WeightedGramTerm> terms{{gram_q, of_outputs}};
  if (of_scores.size() > 0) terms.push_back({gram_, of_scores});
  add_weighted_grams(terms, h);
  if (form_ == HessianForm::exact) {
    const TimingScope timing("rank-2 part");
    add_rank_two(0, g, pulled_slope, h);
  }
  h.add_to_diagonal(problem_.regulariser().ridge(), h.rows());
}

}  // namespace attnewton
