#include "attnewton/sketch/count_sketch.hpp"

#include <cmath>

#include "attnewton/core/error.hpp"
#include "attnewton/linalg/panel_reducer.hpp"
#include "attnewton/parallel/deterministic.hpp"

namespace attnewton {
namespace {

// A row of A and what it is multiplied by.
struct Term {
  Index row = 0;
  double factor = 0;
};

// Terms sorted by the row of the block that they belong to, in the order of A's rows within each.
struct TermsByTarget {
  std::vector<Index> starts;
  std::vector<Term> terms;
};

TermsByTarget terms_by_target(const CountSketch& sketch, Index block, const Vector& scale, Index first_row) {
  std::vector<CountSketch::Entry> entries(static_cast<std::size_t>(scale.size()));
  constexpr Index rows_a_task = 4096;
  for_each_task((scale.size() + rows_a_task - 1) / rows_a_task, [&](Index task) {
    const Index end = std::min<Index>(scale.size(), (task + 1) * rows_a_task);
    for (Index i = task * rows_a_task; i < end; ++i)
      entries[static_cast<std::size_t>(i)] = sketch.entry(first_row + i, block);
  });
  TermsByTarget sorted{std::vector<Index>(static_cast<std::size_t>(sketch.block_rows()) + 1, 0),
                       std::vector<Term>(entries.size())};
  for (const CountSketch::Entry& entry : entries) ++sorted.starts[static_cast<std::size_t>(entry.row) + 1];
  for (std::size_t r = 1; r < sorted.starts.size(); ++r) sorted.starts[r] += sorted.starts[r - 1];
  std::vector<Index> next(sorted.starts);
  for (Index i = 0; i < scale.size(); ++i) {
    const CountSketch::Entry& entry = entries[static_cast<std::size_t>(i)];
    Index& place = next[static_cast<std::size_t>(entry.row)];
    sorted.terms[static_cast<std::size_t>(place++)] = {i, entry.value * scale[i]};
  }
  return sorted;
}

void add_row(const Matrix& a, const Term& term, double* sum) {
  const double* row = a.data() + term.row * a.cols();
  for (Index j = 0; j < a.cols(); ++j) sum[j] += term.factor * row[j];
}

void add_row(const SparseRows& a, const Term& term, double* sum) {
  const Range entries = a.entries_of(term.row);
  for (Index k = entries.begin; k < entries.end; ++k) sum[a.column(k)] += term.factor * a.value(k);
}

template <class Rows>
Matrix sum_terms(const Rows& a, Index columns, const TermsByTarget& sorted) {
  const auto targets = static_cast<Index>(sorted.starts.size()) - 1;
  Matrix sum = Matrix::Zero(targets, columns);
  for_each_task(targets, [&](Index target) {
    const auto at = static_cast<std::size_t>(target);
    for (Index t = sorted.starts[at]; t < sorted.starts[at + 1]; ++t)
      add_row(a, sorted.terms[static_cast<std::size_t>(t)], sum.row(target).data());
  });
  return sum;
}

}  // namespace

CountSketch::CountSketch(Index block_rows, Index blocks, std::uint64_t seed, Index iteration)
    : stream_(seed, RandomPurpose::sketch, static_cast<std::uint64_t>(iteration)),
      block_rows_(block_rows),
      blocks_(blocks) {
  require(block_rows > 0 && blocks > 0, "CountSketch: at least one row and one block");
}

CountSketch::Entry CountSketch::entry(Index column, Index block) const {
  // The row and the sign are one number of 2·block_rows.
  const auto choice =
      static_cast<Index>(stream_.uniform(column, block) * 2 * static_cast<double>(block_rows_));
  const double size = 1 / std::sqrt(static_cast<double>(blocks_));
  return {std::min(choice / 2, block_rows_ - 1), choice % 2 == 0 ? size : -size};
}

Matrix CountSketch::block_of_product(Index block, const RowMatrix& a, const Vector& scale,
                                     Index first_row) const {
  require(scale.size() == a.rows(), "CountSketch: a scale a row");
  const TermsByTarget sorted = terms_by_target(*this, block, scale, first_row);
  return a.is_sparse() ? sum_terms(a.sparse(), a.columns(), sorted)
                       : sum_terms(a.dense(), a.columns(), sorted);
}

void add_sketch(const CountSketch& sketch, const RowMatrix& a, const Vector& scale, Index first_row,
                DistributedMatrix& sum) {
  require(sum.rows() >= sketch.rows() && sum.columns() == a.columns(), "add_sketch: S A fits into the sum");
  PanelReducer into_sum(sum);
  for (Index block = 0; block < sketch.blocks(); ++block) {
    into_sum.add(block * sketch.block_rows(), 0, sketch.block_of_product(block, a, scale, first_row));
  }
  into_sum.finish();
}

}  // namespace attnewton
