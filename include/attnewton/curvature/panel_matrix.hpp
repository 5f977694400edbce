// A matrix whose columns lie in panels as wide as a block of lanes: how the kernels want the wide operand and
// the result of sums over query rows.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>

#include "attnewton/core/types.hpp"

namespace attnewton {

/// rows × columns numbers, panel after panel, row after row within one; not initialised, but for the unused
/// columns of the last panel, which take part in products: they are 0.
template <class Real>
class PanelMatrix {
 public:
  PanelMatrix() = default;
  PanelMatrix(Index rows, Index columns, Index panel_width)
      : rows_(rows),
        columns_(columns),
        width_(panel_width),
        panels_((columns + panel_width - 1) / panel_width),
        entries_(new Real[static_cast<std::size_t>(rows * panels_ * panel_width)]) {
    if (columns % panel_width != 0) std::fill_n(at(panels_ - 1, 0), rows * panel_width, Real{0});
  }

  Index rows() const { return rows_; }
  Index columns() const { return columns_; }
  Index panels() const { return panels_; }
  Index panel_width() const { return width_; }
  bool empty() const { return rows_ == 0; }

  /// Panel `panel` from row `row` on; rows lie panel_width() apart.
  Real* at(Index panel, Index row) { return entries_.get() + (panel * rows_ + row) * width_; }
  const Real* at(Index panel, Index row) const { return entries_.get() + (panel * rows_ + row) * width_; }

  Real& operator()(Index row, Index column) { return at(column / width_, row)[column % width_]; }
  Real operator()(Index row, Index column) const { return at(column / width_, row)[column % width_]; }

  void set_zero() { std::fill_n(entries_.get(), rows_ * panels_ * width_, Real{0}); }

  /// Copies columns [first, first + count) of a row to `out`.
  void copy_row(Index row, Index first, Index count, Real* out) const {
    for (Index column = first; column < first + count;) {
      const Index length = std::min(first + count - column, width_ - column % width_);
      out = std::copy_n(at(column / width_, row) + column % width_, length, out);
      column += length;
    }
  }

 private:
  Index rows_ = 0;
  Index columns_ = 0;
  Index width_ = 1;
  Index panels_ = 0;
  std::unique_ptr<Real[]> entries_;
};

}  // namespace attnewton
