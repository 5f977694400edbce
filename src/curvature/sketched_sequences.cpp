#include "sketched_sequences.hpp"

#include <algorithm>
#include <span>
#include <vector>

#include "attnewton/linalg/row_reducer.hpp"
#include "attnewton/sketch/tensor_sparse.hpp"
#include "attnewton/sketch/tensor_srht.hpp"

namespace attnewton {
namespace {

// Rows that are summed over ranks together.
constexpr Index rows_at_once = Index{1} << 13;

// The sequences of the whole problem that have queries, in order.
struct SequenceTable {
  std::vector<Index> queries;  // of each, over all ranks
  std::vector<Index> keys;
  std::vector<Index> numbers;  // of the local sequences; −1: no queries

  Index count() const { return static_cast<Index>(queries.size()); }
};

// A sequence is counted by the rank that has its first query; a rank's first sequence may be the end of the
// last one of the ranks before. Collective.
SequenceTable table_of(const Communicator& comm, std::span<const LocalSequence> sequences) {
  const auto begins = [](const LocalSequence& s) { return s.first_position == 0 && !s.queries.empty(); };
  const std::vector<Index> begun = comm.all_gather(std::count_if(sequences.begin(), sequences.end(), begins));
  Index number = -1;
  for (int rank = 0; rank < comm.rank(); ++rank) number += begun[static_cast<std::size_t>(rank)];
  Index count = 0;
  for (const Index begun_by_rank : begun) count += begun_by_rank;
  SequenceTable table;
  Matrix lengths = Matrix::Zero(count, 2);
  for (const LocalSequence& sequence : sequences) {
    if (begins(sequence)) ++number;
    table.numbers.push_back(sequence.queries.empty() ? -1 : number);
    if (sequence.queries.empty()) continue;
    lengths(number, 0) += static_cast<double>(sequence.queries.size());
    if (begins(sequence)) lengths(number, 1) += static_cast<double>(sequence.keys.size());
  }
  comm.sum(lengths);
  for (Index s = 0; s < count; ++s) {
    table.queries.push_back(static_cast<Index>(lengths(s, 0)));
    table.keys.push_back(static_cast<Index>(lengths(s, 1)));
  }
  return table;
}

// This rank's rows of A diag(weights)^{1/2}, ready for sketching.
struct WeightedPart {
  RowMatrix rows;
  Vector scale;
  Index first_row;
};

WeightedPart part_of(const Matrix& a, const Vector& weights, Range rows, double factor, Index first_row) {
  return {RowMatrix(a.middleRows(rows.begin, rows.size())),
          factor * weights.segment(rows.begin, rows.size()).cwiseSqrt(), first_row};
}

// What a family makes of a sequence: rows of left and right factors.
class SrhtFamily {
 public:
  static constexpr bool is_complex = false;

  SrhtFamily(const TensorSketchOptions& /*options*/, Index rows, Index queries, Index keys,
             const SketchDraws& draws)
      : sketch_(rows, queries, keys, draws) {}

  static Index rows(const TensorSketchOptions& /*options*/, Index wanted) { return wanted; }
  Matrix left(const WeightedPart& part) const {
    return sketch_.left().product(part.rows, part.scale, part.first_row);
  }
  Matrix right(const WeightedPart& part) const {
    return sketch_.right().product(part.rows, part.scale, part.first_row);
  }

 private:
  TensorSrht sketch_;
};

class SparseFamily {
 public:
  static constexpr bool is_complex = true;

  SparseFamily(const TensorSketchOptions& options, Index rows, Index /*queries*/, Index /*keys*/,
               const SketchDraws& draws)
      : sketch_(block_rows(options, rows), options.blocks, draws) {}

  static Index rows(const TensorSketchOptions& options, Index wanted) {
    return options.blocks * (block_rows(options, wanted) / 2 + 1);
  }
  Matrix left(const WeightedPart& part) const {
    return sketch_.left_spectrum(
        sketch_.left().product(part.rows, part.scale, part.first_row, {0, part.rows.columns()}));
  }
  Matrix right(const WeightedPart& part) const {
    return sketch_.right_spectrum(
        sketch_.right().product(part.rows, part.scale, part.first_row, {0, part.rows.columns()}));
  }

 private:
  static Index block_rows(const TensorSketchOptions& options, Index rows) {
    return (rows + options.blocks - 1) / options.blocks;
  }

  TensorSparse sketch_;
};

template <class Family>
class Sketching {
 public:
  Sketching(const AttentionProblem& problem, const KroneckerWeights& weights,
            const TensorSketchOptions& options, Index rows, Index iteration)
      : data_(problem.data()),
        weights_(weights),
        options_(options),
        iteration_(iteration),
        table_(table_of(problem.comm(), data_.sequences)),
        left_width_(data_.query_width() * (Family::is_complex ? 2 : 1)),
        width_(left_width_ + data_.key_width() * (Family::is_complex ? 2 : 1)) {
    Index all_queries = 0;
    for (const Index queries : table_.queries) all_queries += queries;
    for (const Index queries : table_.queries) {
      wanted_.push_back((rows * queries + all_queries - 1) / all_queries);
      offsets_.push_back(offsets_.back() + Family::rows(options, wanted_.back()));
    }
  }

  KroneckerRows run(const Communicator& comm) const {
    RowReducer reducer(comm, offsets_.back(), width_);
    for (std::size_t first = 0; first + 1 < offsets_.size();) {
      std::size_t end = first + 1;
      while (end + 1 < offsets_.size() && offsets_[end + 1] - offsets_[first] <= rows_at_once) ++end;
      const Matrix term = term_of(first, end);
      for (Index row = 0; row < term.rows(); row += rows_at_once)
        reducer.add(offsets_[first] + row, term.middleRows(row, std::min(rows_at_once, term.rows() - row)));
      first = end;
    }
    const Matrix rows = reducer.finish();
    return {rows.leftCols(left_width_), rows.rightCols(width_ - left_width_), Family::is_complex};
  }

 private:
  // This rank's term of the rows of sequences [first, end).
  Matrix term_of(std::size_t first, std::size_t end) const {
    Matrix term = Matrix::Zero(offsets_[end] - offsets_[first], width_);
    for (std::size_t local = 0; local < table_.numbers.size(); ++local) {
      const Index number = table_.numbers[local];
      if (number < static_cast<Index>(first) || number >= static_cast<Index>(end)) continue;
      const auto s = static_cast<std::size_t>(number);
      add_sequence(data_.sequences[local], s,
                   term.middleRows(offsets_[s] - offsets_[first], offsets_[s + 1] - offsets_[s]));
    }
    return term;
  }

  void add_sequence(const LocalSequence& sequence, std::size_t s, MatrixRef rows) const {
    const Family sketch(options_, wanted_[s], table_.queries[s], table_.keys[s],
                        {options_.seed, iteration_, static_cast<Index>(s)});
    rows.leftCols(left_width_) = sketch.left(
        part_of(data_.queries, weights_.queries, sequence.queries, data_.scale, sequence.first_position));
    if (sequence.owns_keys)
      rows.rightCols(width_ - left_width_) =
          sketch.right(part_of(data_.keys, weights_.keys, sequence.keys, 1, 0));
  }

  const AttentionData& data_;
  const KroneckerWeights& weights_;
  const TensorSketchOptions& options_;
  Index iteration_;
  SequenceTable table_;
  Index left_width_;
  Index width_;
  std::vector<Index> wanted_;      // sketch rows of each sequence
  std::vector<Index> offsets_{0};  // of its rows of factors among all
};

}  // namespace

KroneckerRows sketch_sequences(const AttentionProblem& problem, const KroneckerWeights& weights,
                               const TensorSketchOptions& options, Index rows, Index iteration) {
  if (options.family == TensorSketch::srht)
    return Sketching<SrhtFamily>(problem, weights, options, rows, iteration).run(problem.comm());
  return Sketching<SparseFamily>(problem, weights, options, rows, iteration).run(problem.comm());
}

}  // namespace attnewton
