#include "attnewton/sketch/srht.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "attnewton/core/error.hpp"
#include "attnewton/parallel/deterministic.hpp"
#include "attnewton/sketch/walsh_hadamard.hpp"

#include "panelled_sketch.hpp"

namespace attnewton {
namespace {

// Numbers of a block of rows that goes through the transform: 32 MiB.
constexpr Index block_numbers = Index{1} << 22;
// Smaller blocks than this are not worth a call of the transform.
constexpr Index fewest_block_rows = 64;
// Rows that a task fills or adds up.
constexpr Index rows_of_task = 64;

template <class Task>
void for_each_row(Index rows, Task&& task) {
  for_each_task((rows + rows_of_task - 1) / rows_of_task, [&](Index part) {
    const Index end = std::min(rows, (part + 1) * rows_of_task);
    for (Index row = part * rows_of_task; row < end; ++row) task(row);
  });
}

void copy_row(const RowMatrix& a, Index row, Range columns, double factor, double* to) {
  if (!a.is_sparse()) {
    const double* from = a.dense().row(row).data() + columns.begin;
    for (Index j = 0; j < columns.size(); ++j) to[j] = factor * from[j];
    return;
  }
  std::fill_n(to, columns.size(), 0.0);
  const SparseRows& sparse = a.sparse();
  const Range entries = sparse.entries_of(row);
  for (Index k = entries.begin; k < entries.end; ++k) {
    const Index column = sparse.column(k);
    if (column >= columns.begin && column < columns.end)
      to[column - columns.begin] = factor * sparse.value(k);
  }
}

// The block size B that makes the least work of `rows`: B log₂ B additions a block and one for each sample.
Index cheapest_block(Range rows, Index samples, Index order) {
  Index best = order;
  double least = std::numeric_limits<double>::infinity();
  for (Index size = std::min(order, fewest_block_rows); size <= order; size *= 2) {
    const Index blocks = (rows.end - 1) / size - rows.begin / size + 1;
    const auto length = static_cast<double>(size);
    const double work =
        static_cast<double>(blocks) * (length * std::log2(length) + static_cast<double>(samples));
    if (work < least) best = size;
    least = std::min(least, work);
  }
  return best;
}

std::vector<Index> draw_samples(const RandomStream& stream, Index rows, Index order, RowChoice choice,
                                Index address) {
  std::vector<Index> samples(static_cast<std::size_t>(rows));
  for (Index r = 0; r < rows; ++r) {
    const double uniform = stream.uniform(r, address);
    const double place = choice == RowChoice::independent
                             ? uniform
                             : (static_cast<double>(r) + uniform) / static_cast<double>(rows);
    samples[static_cast<std::size_t>(r)] =
        std::min(static_cast<Index>(place * static_cast<double>(order)), order - 1);
  }
  return samples;
}

}  // namespace

SampledHadamard::SampledHadamard(Index rows, Index columns, RowChoice choice, double size,
                                 const SketchDraws& draws, Index factor)
    : stream_(draws.seed, RandomPurpose::hadamard, static_cast<std::uint64_t>(draws.iteration)),
      columns_(columns),
      sign_address_(4 * draws.number + 2 * factor),
      size_(size) {
  require(rows > 0 && columns > 0 && (factor == 0 || factor == 1), "SampledHadamard: a row and a column");
  samples_ = draw_samples(stream_, rows, hadamard_order(columns), choice, sign_address_ + 1);
}

double SampledHadamard::sign(Index column) const {
  return stream_.uniform(column, sign_address_) < 0.5 ? 1 : -1;
}

// With H of order N = H of order N/B ⊗ H of order B, `block` being what the latter makes of rows first_column
// to first_column + B − 1.
void SampledHadamard::add_block(const Matrix& block, Index first_column, MatrixRef sum) const {
  const Index mask = block.rows() - 1;
  for_each_row(rows(), [&](Index r) {
    const Index row = sampled_row(r);
    const double* from = block.row(row & mask).data();
    double* to = sum.row(r).data();
    const double sign = hadamard_sign(row, first_column);
    for (Index j = 0; j < block.cols(); ++j) to[j] += sign * from[j];
  });
}

Matrix SampledHadamard::product(const RowMatrix& a, const Vector& scale, Index first_row,
                                Range columns) const {
  require(scale.size() == a.rows(), "SampledHadamard: a scale a row");
  require(first_row >= 0 && first_row + a.rows() <= columns_, "SampledHadamard: rows of A");
  require(columns.begin >= 0 && columns.end <= a.columns(), "SampledHadamard: columns of A");
  Matrix sum = Matrix::Zero(rows(), columns.size());
  if (a.rows() == 0) return sum;
  const Index end_row = first_row + a.rows();
  const Index block_rows = cheapest_block({first_row, end_row}, rows(), hadamard_order(columns_));
  const Index width = std::max(block_numbers / block_rows, Index{1});
  for (Index column = columns.begin; column < columns.end; column += width) {
    const Range part{column, std::min(columns.end, column + width)};
    Matrix block(block_rows, part.size());
    for (Index begin = first_row / block_rows * block_rows; begin < end_row; begin += block_rows) {
      for_each_row(block_rows, [&](Index i) {
        const Index row = begin + i;
        if (row < first_row || row >= end_row) {
          block.row(i).setZero();
        } else {
          copy_row(a, row - first_row, part, size_ * sign(row) * scale[row - first_row], block.row(i).data());
        }
      });
      walsh_hadamard(block);
      add_block(block, begin, sum.middleCols(part.begin - columns.begin, part.size()));
    }
  }
  return sum;
}

Srht::Srht(Index rows, Index columns, const SketchDraws& draws)
    : SampledHadamard(rows, columns, RowChoice::stratified, 1 / std::sqrt(static_cast<double>(rows)), draws) {
}

void add_sketch(const Srht& sketch, const RowMatrix& a, const Vector& scale, Index first_row,
                DistributedMatrix& sum) {
  add_sketch_in_panels(sketch, a, scale, first_row, sum);
}

}  // namespace attnewton
