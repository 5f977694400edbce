#include "attnewton/sketch/count_sketch.hpp"

#include <algorithm>
#include <cmath>

#include "attnewton/core/error.hpp"
#include "attnewton/parallel/deterministic.hpp"

#include "panelled_sketch.hpp"

namespace attnewton {
namespace {

// Draws of a sketch that have addresses of their own beside those of the next one.
constexpr Index most_blocks = Index{1} << 20;
// Numbers of A that all blocks add up before the next ones: they stay in the cache meanwhile.
constexpr Index numbers_at_once = Index{1} << 16;

void add_row(const Matrix& a, Index row, double factor, Range columns, double* sum) {
  const double* from = a.data() + row * a.cols() + columns.begin;
  for (Index j = 0; j < columns.size(); ++j) sum[j] += factor * from[j];
}

void add_row(const SparseRows& a, Index row, double factor, Range columns, double* sum) {
  const Range entries = a.entries_of(row);
  const auto first = a.column_indices.begin() + entries.begin;
  const auto last = a.column_indices.begin() + entries.end;
  Index k = columns.begin == 0 ? entries.begin
                               : entries.begin + (std::lower_bound(first, last, columns.begin) - first);
  for (; k < entries.end && a.column(k) < columns.end; ++k)
    sum[a.column(k) - columns.begin] += factor * a.value(k);
}

// Each block's rows of the sum are a task of their own: every one is added up in the order of A's rows.
template <class Rows>
void add_rows(const CountSketch& sketch, const Rows& a, Range rows, const Vector& scale, Index first_row,
              Range columns, Matrix& sum) {
  for_each_task(sketch.blocks(), [&](Index block) {
    for (Index i = rows.begin; i < rows.end; ++i) {
      const CountSketch::Entry entry = sketch.entry(first_row + i, block);
      add_row(a, i, entry.value * scale[i], columns, sum.row(block * sketch.block_rows() + entry.row).data());
    }
  });
}

}  // namespace

CountSketch::CountSketch(Index block_rows, Index blocks, std::uint64_t seed, Index iteration, Index number)
    : stream_(seed, RandomPurpose::sketch, static_cast<std::uint64_t>(iteration)),
      block_rows_(block_rows),
      blocks_(blocks),
      first_address_(number * most_blocks) {
  require(block_rows > 0 && blocks > 0 && blocks <= most_blocks,
          "CountSketch: at least one row and one block");
}

CountSketch::Entry CountSketch::entry(Index column, Index block) const {
  // The row and the sign are one number of 2·block_rows.
  const auto choice = static_cast<Index>(stream_.uniform(column, first_address_ + block) * 2 *
                                         static_cast<double>(block_rows_));
  const double size = 1 / std::sqrt(static_cast<double>(blocks_));
  return {std::min(choice / 2, block_rows_ - 1), choice % 2 == 0 ? size : -size};
}

Matrix CountSketch::product(const RowMatrix& a, const Vector& scale, Index first_row, Range columns) const {
  require(scale.size() == a.rows(), "CountSketch: a scale a row");
  require(columns.begin >= 0 && columns.end <= a.columns(), "CountSketch: columns of A");
  Matrix sum = Matrix::Zero(rows(), columns.size());
  const Index at_once = std::max(numbers_at_once / std::max(columns.size(), Index{1}), Index{16});
  for (Index row = 0; row < a.rows(); row += at_once) {
    const Range part{row, std::min(a.rows(), row + at_once)};
    if (a.is_sparse()) {
      add_rows(*this, a.sparse(), part, scale, first_row, columns, sum);
    } else {
      add_rows(*this, a.dense(), part, scale, first_row, columns, sum);
    }
  }
  return sum;
}

void add_sketch(const CountSketch& sketch, const RowMatrix& a, const Vector& scale, Index first_row,
                DistributedMatrix& sum) {
  add_sketch_in_panels(sketch, a, scale, first_row, sum);
}

}  // namespace attnewton
