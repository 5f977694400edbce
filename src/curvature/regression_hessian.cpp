#include "attnewton/curvature/regression_hessian.hpp"

#include "attnewton/core/error.hpp"
#include "attnewton/core/timing.hpp"
#include "attnewton/curvature/distributed_gram.hpp"
#include "attnewton/parallel/deterministic.hpp"

namespace attnewton {
namespace {

// Adds κ g gᵀ − g mᵀ − m gᵀ; g and m are whole on every rank.
void add_rank_two(double kappa, const Vector& g, const Vector& m, DistributedMatrix& h) {
  for_each_task(h.local().cols(), [&](Index j) {
    const Index column = h.global_column(j);
    for (Index i = 0; i < h.local().rows(); ++i) {
      const Index row = h.global_row(i);
      h.local()(i, j) += g[row] * (kappa * g[column] - m[column]) - m[row] * g[column];
    }
  });
}

}  // namespace

void RegressionHessian::assemble(const Point& base, DistributedMatrix& h) const {
  const auto& point = static_cast<const RegressionPoint&>(base);
  require(h.rows() == problem_.unknowns() && h.columns() == problem_.unknowns(),
          "RegressionHessian::assemble: h is unknowns × unknowns");
  h.set_zero();
  const ScoreCurvature curvature = problem_.score_curvature(point);
  {
    const TimingScope timing("sums over rows");
    add_weighted_gram(gram_, curvature.diagonal, h);
  }
  if (problem_.is_normalised()) {
    const TimingScope timing("rank-2 part");
    const RowMatrix& a = problem_.data().a;
    Matrix vectors(2, problem_.unknowns());
    vectors.row(0) = a.transpose_times(curvature.direction);
    vectors.row(1) = a.transpose_times(curvature.mixed);
    problem_.comm().sum(vectors);
    add_rank_two(curvature.kappa, vectors.row(0), vectors.row(1), h);
  }
  h.add_to_diagonal(problem_.options().ridge, h.rows());
}

}  // namespace attnewton
