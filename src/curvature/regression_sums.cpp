#include "regression_sums.hpp"

#include "attnewton/core/timing.hpp"
#include "attnewton/curvature/gram_assembly.hpp"

namespace attnewton {

void add_rank_two_and_ridge(const RegressionProblem& problem, const RegressionPoint& point, HessianForm form,
                            DistributedMatrix& h) {
  h.add_to_diagonal(problem.options().ridge, h.rows());
  if (!problem.is_normalised()) return;
  const TimingScope timing("rank-2 part");
  const RankTwoPart part = problem.rank_two_part(point, form);
  add_rank_two(part.kappa, part.direction, part.mixed, h);
}

}  // namespace attnewton
