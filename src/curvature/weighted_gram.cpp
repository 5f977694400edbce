#include "attnewton/curvature/weighted_gram.hpp"

#include <algorithm>

#include "attnewton/core/error.hpp"
#include "attnewton/kernels/thin_product.hpp"
#include "attnewton/linalg/blas.hpp"
#include "attnewton/parallel/deterministic.hpp"

namespace attnewton {
namespace {

// Numbers in a panel, if it has more than one block row: 32 MiB.
constexpr Index panel_entries = Index{1} << 22;
// Rows of A that a product takes at once: what they hold of a block's columns stays in the cache.
constexpr Index rows_at_once = 256;
// Tasks that a panel is split into at least, if A has rows enough: each sums the rows of one group.
constexpr Index fewest_tasks = 64;
constexpr Index fewest_rows_of_group = 2048;
// Entries of a column of A beyond which their rows are added up in several tasks.
constexpr Index entries_a_task = 16384;
// How far ahead rows of A are fetched into the cache, and how many of their numbers at most.
constexpr Index entries_ahead = 4;
constexpr Index most_fetched = 256;
constexpr Index numbers_a_line = 8;

Index blocks_of(Index total, Index block) {
  return (total + block - 1) / block;
}

// The lower triangle is made of blocks of so many rows and columns at most: low, so that little of the upper
// triangle is computed (half a block's rows), and wide, which is what thin products are fastest at.
Index block_height(Index columns) {
  constexpr Index smallest = 16;
  constexpr Index largest = 64;
  return std::clamp(blocks_of(columns, 2 * smallest) * smallest, smallest, largest);
}
constexpr Index block_width = 512;

// A block of the panel: its rows and columns in the Gram matrix.
struct LowerBlock {
  Range rows;
  Range columns;
};

std::vector<LowerBlock> lower_blocks(Range rows, Index height) {
  std::vector<LowerBlock> blocks;
  for (Index row = rows.begin; row < rows.end; row += height) {
    const Range block_rows{row, std::min(row + height, rows.end)};
    for (Index column = 0; column < block_rows.end; column += block_width)
      blocks.push_back({block_rows, {column, std::min(column + block_width, block_rows.end)}});
  }
  return blocks;
}

// C = Σ over `rows` of A of their weighted products, C being a block of the Gram matrix.
void sum_block(const Matrix& a, const Vector& weights, Range rows, const LowerBlock& block, MatrixRef c) {
  const Index height = block.rows.size();
  const Index width = block.columns.size();
  Matrix scaled(std::min(rows_at_once, rows.size()), height);
  Matrix term(height, width);
  c.setZero();
  for (Index row = rows.begin; row < rows.end; row += rows_at_once) {
    const Index count = std::min(rows_at_once, rows.end - row);
    scaled.topRows(count) =
        weights.segment(row, count).asDiagonal() * a.block(row, block.rows.begin, count, height);
    thin_transpose_product({scaled.data(), count, height, height},
                           {&a(row, block.columns.begin), count, width, a.cols()},
                           {term.data(), height, width, width});
    c += term;
  }
}

}  // namespace

WeightedGram::WeightedGram(const RowMatrix& a) : a_(a) {
  if (!a.is_sparse()) return;
  const SparseRows& rows = a.sparse();
  column_starts_.assign(static_cast<std::size_t>(rows.columns) + 1, 0);
  for (const Index column : rows.column_indices) ++column_starts_[static_cast<std::size_t>(column) + 1];
  for (std::size_t j = 1; j < column_starts_.size(); ++j) column_starts_[j] += column_starts_[j - 1];
  by_column_.resize(rows.values.size());
  std::vector<Index> next(column_starts_);
  for (Index i = 0; i < rows.rows(); ++i) {
    const Range entries = rows.entries_of(i);
    for (Index k = entries.begin; k < entries.end; ++k) {
      Index& place = next[static_cast<std::size_t>(rows.column(k))];
      by_column_[static_cast<std::size_t>(place++)] = {i, k};
    }
  }
}

Index WeightedGram::panel_rows() const {
  const Index height = block_height(a_.columns());
  return std::max(height, panel_entries / a_.columns() / height * height);
}

Matrix WeightedGram::panel(Range rows, const Vector& weights) const {
  require(weights.size() == a_.rows(), "WeightedGram::panel: a weight a row");
  require(rows.begin >= 0 && rows.end <= a_.columns(), "WeightedGram::panel: rows of the Gram matrix");
  return a_.is_sparse() ? sparse_panel(rows, weights) : dense_panel(rows, weights);
}

// Few blocks: groups of A's rows are summed side by side, then group after group.
Matrix WeightedGram::dense_panel(Range rows, const Vector& weights) const {
  const Matrix& a = a_.dense();
  const std::vector<LowerBlock> blocks = lower_blocks(rows, block_height(a.cols()));
  const auto block_count = static_cast<Index>(blocks.size());
  Matrix panel = Matrix::Zero(rows.size(), rows.end);
  if (a.rows() == 0 || block_count == 0) return panel;
  const Index wanted_groups =
      std::min(blocks_of(fewest_tasks, block_count), blocks_of(a.rows(), fewest_rows_of_group));
  const Index rows_of_group = blocks_of(blocks_of(a.rows(), wanted_groups), rows_at_once) * rows_at_once;
  const Index groups = blocks_of(a.rows(), rows_of_group);
  Matrix others = Matrix::Zero((groups - 1) * rows.size(), rows.end);  // all groups' sums but the first's

  for_each_task(groups * block_count, [&](Index task) {
    const Index group = task / block_count;
    const LowerBlock& block = blocks[static_cast<std::size_t>(task % block_count)];
    const Range summed{group * rows_of_group, std::min(a.rows(), (group + 1) * rows_of_group)};
    Matrix& sums = group == 0 ? panel : others;
    const Index first = group == 0 ? 0 : (group - 1) * rows.size();
    sum_block(a, weights, summed, block,
              sums.block(first + block.rows.begin - rows.begin, block.columns.begin, block.rows.size(),
                         block.columns.size()));
  });
  if (groups == 1) return panel;
  for_each_task(rows.size(), [&](Index row) {
    for (Index group = 1; group < groups; ++group)
      panel.row(row) += others.row((group - 1) * rows.size() + row);
  });
  return panel;
}

// Asks for the beginning of an entry's row: the rows of a column lie far apart in memory.
void WeightedGram::fetch_ahead(Index e, Index end) const {
  if (e >= end) return;
  const SparseRows& a = a_.sparse();
  const Entry& entry = by_column_[static_cast<std::size_t>(e)];
  const Index begin = a.entries_of(entry.row).begin;
  for (Index k = begin; k <= std::min(entry.position, begin + most_fetched); k += numbers_a_line) {
    __builtin_prefetch(&a.column_indices[static_cast<std::size_t>(k)]);
    __builtin_prefetch(&a.values[static_cast<std::size_t>(k)]);
  }
}

// sum += the rows of A that `entries` of one column stand in, up to that column, times weight and entry.
void WeightedGram::add_sparse_row(Range entries, const Vector& weights, double* sum) const {
  const SparseRows& a = a_.sparse();
  for (Index e = entries.begin; e < entries.end; ++e) {
    fetch_ahead(e + entries_ahead, entries.end);
    const Entry& entry = by_column_[static_cast<std::size_t>(e)];
    const double factor = weights[entry.row] * a.value(entry.position);
    const Index begin = a.entries_of(entry.row).begin;
    for (Index k = begin; k <= entry.position; ++k) sum[a.column(k)] += factor * a.value(k);
  }
}

// Row j of the Gram matrix from the rows of A that have an entry in column j.
Matrix WeightedGram::sparse_panel(Range rows, const Vector& weights) const {
  Matrix panel = Matrix::Zero(rows.size(), rows.end);
  for_each_task(rows.size(), [&](Index row) {
    const auto column = static_cast<std::size_t>(rows.begin + row);
    const Range entries{column_starts_[column], column_starts_[column + 1]};
    if (entries.size() <= entries_a_task) {
      add_sparse_row(entries, weights, panel.row(row).data());
      return;
    }
    const Vector zero = Vector::Zero(rows.end);
    panel.row(row) = deterministic_sum(blocks_of(entries.size(), entries_a_task), zero, [&](Index i) {
      Vector term = zero;
      const Index begin = entries.begin + i * entries_a_task;
      add_sparse_row({begin, std::min(begin + entries_a_task, entries.end)}, weights, term.data());
      return term;
    });
  });
  return panel;
}

}  // namespace attnewton
