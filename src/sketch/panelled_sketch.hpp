// S A of any sketch of rows, panel by panel, into a distributed matrix. Internal to this module.
#pragma once

#include <algorithm>

#include "attnewton/core/error.hpp"
#include "attnewton/linalg/panel_reducer.hpp"
#include "attnewton/linalg/row_matrix.hpp"

namespace attnewton {

/// Adds S diag(scale) A, summed over ranks, to the first rows of `sum`. Panels of 32 MiB have all of S's rows
/// and a range of A's columns. Collective on the grid of `sum`.
template <class Sketch>
void add_sketch_in_panels(const Sketch& sketch, const RowMatrix& a, const Vector& scale, Index first_row,
                          DistributedMatrix& sum) {
  constexpr Index panel_numbers = Index{1} << 22;
  require(sum.rows() >= sketch.rows() && sum.columns() == a.columns(), "add_sketch: S A fits into the sum");
  PanelReducer into_sum(sum);
  const Index width = std::max(panel_numbers / sketch.rows(), Index{1});
  for (Index column = 0; column < a.columns(); column += width) {
    const Range columns{column, std::min(a.columns(), column + width)};
    into_sum.add(0, column, sketch.product(a, scale, first_row, columns));
  }
  into_sum.finish();
}

}  // namespace attnewton
