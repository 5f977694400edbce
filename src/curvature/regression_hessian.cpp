#include "attnewton/curvature/regression_hessian.hpp"

#include <algorithm>

#include "attnewton/core/error.hpp"
#include "attnewton/core/timing.hpp"
#include "attnewton/linalg/panel_reducer.hpp"
#include "attnewton/parallel/deterministic.hpp"

namespace attnewton {
namespace {

// Adds Aᵀ diag(weights) A, summed over ranks, to H.
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

// Adds κ g gᵀ − g mᵀ − m gᵀ; g and m are whole on every rank.
void add_rank_two(const RankTwoPart& part, DistributedMatrix& h) {
  const Vector& g = part.direction;
  const Vector& m = part.mixed;
  for_each_task(h.local().cols(), [&](Index j) {
    const Index column = h.global_column(j);
    for (Index i = 0; i < h.local().rows(); ++i) {
      const Index row = h.global_row(i);
      h.local()(i, j) += g[row] * (part.kappa * g[column] - m[column]) - m[row] * g[column];
    }
  });
}

}  // namespace

void RegressionHessian::assemble(const Point& base, DistributedMatrix& h) const {
  const auto& point = static_cast<const RegressionPoint&>(base);
  require(h.rows() == problem_.unknowns() && h.columns() == problem_.unknowns(),
          "RegressionHessian::assemble: h is unknowns × unknowns");
  h.set_zero();
  {
    const TimingScope timing("sums over rows");
    add_gram(gram_, problem_.curvature_diagonal(point, form_), h);
  }
  if (problem_.is_normalised()) add_rank_two(problem_.rank_two_part(point, form_), h);
  h.add_to_diagonal(problem_.options().ridge, h.rows());
}

}  // namespace attnewton
