#include "regression_sums.hpp"

#include <algorithm>

#include "attnewton/core/timing.hpp"
#include "attnewton/linalg/panel_reducer.hpp"
#include "attnewton/parallel/deterministic.hpp"

namespace attnewton {

void add_gram(const WeightedGram& gram, const Vector& weights, DistributedMatrix& h) {
  PanelReducer into_h(h);
  const Index unknowns = h.rows();
  const Index height = gram.panel_rows();
  for (Index row = 0; row < unknowns; row += height) {
    const Range rows{row, std::min(unknowns, row + height)};
    const Matrix panel = gram.panel(rows, weights);
    const TimingScope timing("reduction");
    into_h.add(row, 0, panel);
  }
  const TimingScope timing("reduction");
  into_h.finish();
}

void add_rank_two(double kappa, const Vector& g, const Vector& m, DistributedMatrix& h) {
  for_each_task(h.local().cols(), [&](Index j) {
    const Index column = h.global_column(j);
    for (Index i = 0; i < h.local().rows(); ++i) {
      const Index row = h.global_row(i);
      h.local()(i, j) += g[row] * (kappa * g[column] - m[column]) - m[row] * g[column];
    }
  });
}

void add_rank_two_and_ridge(const RegressionProblem& problem, const ScoreCurvature& curvature,
                            DistributedMatrix& h) {
  h.add_to_diagonal(problem.options().ridge, h.rows());
  if (!problem.is_normalised()) return;
  const TimingScope timing("rank-2 part");
  const RowMatrix& a = problem.data().a;
  Matrix vectors(2, problem.unknowns());
  vectors.row(0) = a.transpose_times(curvature.direction);
  vectors.row(1) = a.transpose_times(curvature.mixed);
  problem.comm().sum(vectors);
  add_rank_two(curvature.kappa, vectors.row(0), vectors.row(1), h);
}

}  // namespace attnewton
