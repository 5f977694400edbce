#include "attnewton/curvature/regression_hessian.hpp"

#include "attnewton/core/error.hpp"
#include "attnewton/core/timing.hpp"
#include "attnewton/curvature/gram_assembly.hpp"

namespace attnewton {

void RegressionHessian::assemble(const Point& base, DistributedMatrix& h) const {
  const auto& point = static_cast<const RegressionPoint&>(base);
  require(h.rows() == problem_.unknowns() && h.columns() == problem_.unknowns(),
          "RegressionHessian::assemble: h is unknowns × unknowns");
  h.set_zero();
  const ScoreCurvature curvature = problem_.score_curvature(point);
  add_weighted_grams({{gram_, curvature.diagonal}}, h);
  if (problem_.is_normalised()) {
    const TimingScope timing("rank-2 part");
    const PulledBack pulled =
        pull_back(problem_.comm(), problem_.data().a, curvature.direction, curvature.mixed);
    add_rank_two(curvature.kappa, pulled.first, pulled.second, h);
  }
  h.add_to_diagonal(problem_.options().ridge, h.rows());
}

}  // namespace attnewton
