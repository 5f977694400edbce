#include "attnewton/curvature/regression_hessian.hpp"

#include "attnewton/core/error.hpp"
#include "attnewton/core/timing.hpp"

#include "regression_sums.hpp"

namespace attnewton {

void RegressionHessian::assemble(const Point& base, Index /*iteration*/, DistributedMatrix& h) const {
  const auto& point = static_cast<const RegressionPoint&>(base);
  require(h.rows() == problem_.unknowns() && h.columns() == problem_.unknowns(),
          "RegressionHessian::assemble: h is unknowns × unknowns");
  h.set_zero();
  const ScoreCurvature curvature = problem_.score_curvature(point);
  {
    const TimingScope timing("sums over rows");
    add_gram(gram_, curvature.diagonal, h);
  }
  add_rank_two_and_ridge(problem_, curvature, h);
}

}  // namespace attnewton
