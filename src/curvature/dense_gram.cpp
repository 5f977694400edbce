#include "dense_gram.hpp"

#include <algorithm>

#include "attnewton/curvature/panel_matrix.hpp"
#include "attnewton/kernels/instruction_set.hpp"
#include "attnewton/kernels/scratch.hpp"
#include "attnewton/kernels/tile_kernels.hpp"

namespace attnewton {
namespace {

using Kernels = TileKernels<double>;

// Rows of A that are packed at once: a panel of them, and a strip of the other factor, fit the first-level
// cache; all panels of a block and its sums the second-level one.
constexpr Index rows_at_once = 64;
constexpr Index largest_side = 192;
constexpr Index numbers_a_line = 8;

// The left factor's panels are as wide for every instruction set: a multiple of the kernels' rows.
constexpr Index left_width = 24;

Index ceiling(Index total, Index part) {
  return (total + part - 1) / part;
}

// The right factor's panels are whole vectors wide, so many that eight rows of sums (or six) fill the
// registers.
Index vectors_of_panel(const Kernels& kernels) {
  return std::min<Index>(kernels.most_vectors, 3);
}

// Columns of A's rows in panels, in a thread's scratch memory.
class PackedRows {
 public:
  PackedRows(ScratchFrame& scratch, Range columns, Index width)
      : columns_(columns), width_(width), panels_(ceiling(columns.size(), width)) {
    entries_ = scratch.take<double>(panels_ * rows_at_once * width);
  }

  void pack(const Kernels& kernels, const Matrix& a, Range rows, const double* factor) {
    for (Index panel = 0; panel < panels_; ++panel) {
      const Range columns = columns_of(panel);
      kernels.scale_rows(rows.size(), columns.size(), factor, &a(rows.begin, columns.begin), a.cols(),
                         entries_ + panel * rows_at_once * width_, width_);
    }
  }

  Index panels() const { return panels_; }
  Index width() const { return width_; }
  const double* panel(Index i) const { return entries_ + i * rows_at_once * width_; }
  /// Of the Gram matrix.
  Range columns_of(Index panel) const {
    const Index begin = columns_.begin + panel * width_;
    return {begin, std::min(begin + width_, columns_.end)};
  }

 private:
  Range columns_;
  Index width_;
  Index panels_;
  double* entries_;
};

// Rows of A that will be packed next, fetched into the second-level cache a few at a time.
class RowsAhead {
 public:
  RowsAhead(const Matrix& a, Range rows, const LowerBlock& block) : a_(a), rows_(rows), block_(block) {}

  void fetch(Index count) {
    for (; count > 0 && !rows_.empty(); --count, ++rows_.begin) {
      fetch_columns(block_.rows);
      if (!(block_.columns == block_.rows)) fetch_columns(block_.columns);
    }
  }

 private:
  void fetch_columns(Range columns) const {
    for (Index c = columns.begin; c < columns.end; c += numbers_a_line)
      __builtin_prefetch(&a_(rows_.begin, c), 0, 2);
  }

  const Matrix& a_;
  Range rows_;
  const LowerBlock& block_;
};

// sum += the product of the packed rows, but for what lies above the diagonal.
class BlockSum {
 public:
  BlockSum(const Kernels& kernels, const LowerBlock& block)
      : kernels_(kernels),
        block_(block),
        sum_(block.rows.size(), block.columns.size(), vectors_of_panel(kernels) * kernels.lanes) {
    sum_.set_zero();
  }

  void add(const PackedRows& left, const PackedRows& right, Index rows, RowsAhead& ahead) {
    const Index fetched = rows_at_once / (right.panels() * (left.panels() + 1) / 2) + 1;
    for (Index p = 0; p < right.panels(); ++p) {
      for (Index q = 0; q < left.panels(); ++q) {
        ahead.fetch(fetched);
        add_panels(left, q, right, p, rows);
      }
    }
  }

  Matrix unpacked() const {
    Matrix result(sum_.rows(), sum_.columns());
    for (Index row = 0; row < sum_.rows(); ++row)
      sum_.copy_row(row, 0, sum_.columns(), result.row(row).data());
    return result;
  }

 private:
  void add_panels(const PackedRows& left, Index q, const PackedRows& right, Index p, Index rows) {
    const Range columns = right.columns_of(p);
    const Range strip = left.columns_of(q);
    if (columns.end <= strip.begin + 1) {
      add_strip(left.panel(q), strip, right.panel(p), p, columns.size(), rows);
      return;
    }
    // Across the diagonal: a strip as high as the kernels' sums at a time, and as wide as it needs to be.
    const Index height = left_width / (vectors_of_panel(kernels_) + (vectors_of_panel(kernels_) < 3 ? 2 : 0));
    for (Index row = strip.begin; row < strip.end; row += height) {
      const Range part{row, std::min(row + height, strip.end)};
      const Index wanted = std::min(columns.end, part.end) - columns.begin;
      if (wanted > 0) add_strip(left.panel(q) + (row - strip.begin), part, right.panel(p), p, wanted, rows);
    }
  }

  void add_strip(const double* left, Range strip, const double* right, Index p, Index columns, Index rows) {
    const Index width = sum_.panel_width();
    kernels_.mix(ceiling(columns, kernels_.lanes), strip.size(), rows, left, left_width, {right, width},
                 {sum_.at(p, strip.begin - block_.rows.begin), width}, true);
  }

  const Kernels& kernels_;
  const LowerBlock& block_;
  PanelMatrix<double> sum_;
};

}  // namespace

Index gram_block_side(Index order) {
  const Index blocks = ceiling(order, largest_side);
  return ceiling(ceiling(order, blocks), left_width) * left_width;
}

std::vector<LowerBlock> lower_blocks(Range rows, Index order) {
  const Index side = gram_block_side(order);
  std::vector<LowerBlock> blocks;
  for (Index row = rows.begin; row < rows.end; row += side) {
    const Range block_rows{row, std::min(row + side, rows.end)};
    for (Index column = 0; column < block_rows.end; column += side)
      blocks.push_back({block_rows, {column, std::min(column + side, block_rows.end)}});
  }
  return blocks;
}

Matrix gram_block(const Matrix& a, const Vector& weights, Range summed, const LowerBlock& block) {
  const Kernels& kernels = tile_kernels<double>(instruction_set());
  ScratchFrame scratch;
  PackedRows left(scratch, block.rows, left_width);
  PackedRows right(scratch, block.columns, vectors_of_panel(kernels) * kernels.lanes);
  BlockSum sum(kernels, block);
  for (Index row = summed.begin; row < summed.end; row += rows_at_once) {
    const Range rows{row, std::min(row + rows_at_once, summed.end)};
    right.pack(kernels, a, rows, nullptr);
    left.pack(kernels, a, rows, weights.data() + row);
    RowsAhead ahead(a, {rows.end, std::min(rows.end + rows_at_once, summed.end)}, block);
    sum.add(left, right, rows.size(), ahead);
  }
  return sum.unpacked();
}

}  // namespace attnewton
