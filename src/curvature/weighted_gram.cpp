#include "attnewton/curvature/weighted_gram.hpp"

#include <algorithm>

#include "attnewton/core/error.hpp"
#include "attnewton/parallel/deterministic.hpp"

#include "dense_gram.hpp"

namespace attnewton {
namespace {

// Numbers in a panel, if it has more than one block row: 32 MiB.
constexpr Index panel_entries = Index{1} << 22;
// Tasks that a panel is split into at least, if A has rows enough: each sums the rows of one group.
constexpr Index fewest_tasks = 64;
constexpr Index fewest_rows_of_group = 2048;
// Entries of a column of A beyond which their rows are added up in several tasks.
constexpr Index entries_a_task = 16384;
// How far ahead rows of A are fetched into the cache, and how many of their numbers at most.
constexpr Index entries_ahead = 12;
constexpr Index most_fetched = 256;
constexpr Index numbers_a_line = 8;

Index blocks_of(Index total, Index block) {
  return (total + block - 1) / block;
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
  const Index height = gram_block_side(a_.columns());
  return std::max(height, panel_entries / a_.columns() / height * height);
}

Matrix WeightedGram::panel(Range rows, const Vector& weights) const {
  require(weights.size() == a_.rows(), "WeightedGram::panel: a weight a row");
  require(rows.begin >= 0 && rows.end <= a_.columns(), "WeightedGram::panel: rows of the Gram matrix");
  return a_.is_sparse() ? sparse_panel(rows, weights) : dense_panel(rows, weights);
}

// Few blocks: groups of A's rows are summed side by side.
Matrix WeightedGram::dense_panel(Range rows, const Vector& weights) const {
  const Matrix& a = a_.dense();
  const std::vector<LowerBlock> blocks = lower_blocks(rows, a.cols());
  const auto block_count = static_cast<Index>(blocks.size());
  Matrix panel = Matrix::Zero(rows.size(), rows.end);
  if (a.rows() == 0 || block_count == 0) return panel;
  const Index wanted_groups =
      std::min(blocks_of(fewest_tasks, block_count), blocks_of(a.rows(), fewest_rows_of_group));
  const Index rows_of_group = blocks_of(a.rows(), wanted_groups);

  for_each_task(block_count, [&](Index i) {
    const LowerBlock& block = blocks[static_cast<std::size_t>(i)];
    const Matrix zero = Matrix::Zero(block.rows.size(), block.columns.size());
    panel.block(block.rows.begin - rows.begin, block.columns.begin, zero.rows(), zero.cols()) =
        deterministic_sum(blocks_of(a.rows(), rows_of_group), zero, [&](Index group) {
          const Range summed{group * rows_of_group, std::min(a.rows(), (group + 1) * rows_of_group)};
          return gram_block(a, weights, summed, block);
        });
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
