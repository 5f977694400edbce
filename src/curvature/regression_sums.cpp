#include "regression_sums.hpp"

#include "attnewton/core/timing.hpp"
#include "attnewton/curvature/gram_assembly.hpp"

namespace attnewton {

void add_rank_two_and_ridge(const RegressionProblem& problem, const ScoreCurvature& curvature,
                            DistributedMatrix& h) {
  h.add_to_diagonal(problem.options().ridge, h.rows());
  if (!problem.is_normalised()) return;
  const TimingScope timing("rank-2 part");
  const PulledBack pulled =
      pull_back(problem.comm(), problem.data().a, curvature.direction, curvature.mixed);
  add_rank_two(curvature.kappa, pulled.first, pulled.second, h);
}

}  // namespace attnewton
