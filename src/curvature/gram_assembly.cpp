#include "attnewton/curvature/gram_assembly.hpp"

#include <algorithm>

#include "attnewton/core/error.hpp"
#include "attnewton/core/timing.hpp"
#include "attnewton/linalg/panel_reducer.hpp"
#include "attnewton/parallel/deterministic.hpp"

namespace attnewton {
namespace {

Matrix summed_panel(const std::vector<WeightedGramTerm>& terms, Range rows) {
  Matrix panel = terms.front().gram.panel(rows, terms.front().weights);
  for (std::size_t t = 1; t < terms.size(); ++t) panel += terms[t].gram.panel(rows, terms[t].weights);
  return panel;
}

}  // namespace

void add_weighted_grams(const std::vector<WeightedGramTerm>& terms, DistributedMatrix& h) {
  require(!terms.empty(), "add_weighted_grams: a term at least");
  const TimingScope timing("sums over rows");
  PanelReducer into_h(h);
  const Index unknowns = h.rows();
  const Index height = terms.front().gram.panel_rows();
  for (Index row = 0; row < unknowns; row += height) {
    const Matrix panel = summed_panel(terms, {row, std::min(unknowns, row + height)});
    const TimingScope reduction("reduction");
    into_h.add(row, 0, panel);
  }
  const TimingScope reduction("reduction");
  into_h.finish();
}

PulledBack pull_back(const Communicator& comm, const RowMatrix& a, const Vector& first,
                     const Vector& second) {
  Matrix vectors(2, a.columns());
  vectors.row(0) = a.transpose_times(first);
  vectors.row(1) = a.transpose_times(second);
  comm.sum(vectors);
  return {vectors.row(0), vectors.row(1)};
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

}  // namespace attnewton
