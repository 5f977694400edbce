#include "attnewton/problems/row_pass.hpp"

#include <algorithm>

#include "attnewton/core/error.hpp"
#include "attnewton/kernels/instruction_set.hpp"
#include "attnewton/kernels/scratch.hpp"
#include "attnewton/kernels/tile_kernels.hpp"
#include "attnewton/parallel/deterministic.hpp"

namespace attnewton {
namespace {

// Each chunk has a sum of its own, which must not outweigh the rows where d is large.
constexpr Index fewest_rows_of_chunk = 512;
constexpr Index most_chunks = 64;

// Numbers in a block of dense rows: half of a first-level cache or so; and limits of its rows.
constexpr Index block_entries = 4096;
constexpr Index fewest_rows_of_block = 8;
constexpr Index most_rows_of_block = 256;
constexpr Index numbers_a_line = 8;

Index ceiling(Index total, Index part) {
  return (total + part - 1) / part;
}

const TileKernels<double>& kernels() {
  return tile_kernels<double>(instruction_set());
}

// Asks for rows of the block after this one.
void fetch(const double* begin, const double* end) {
  for (; begin < end; begin += numbers_a_line) __builtin_prefetch(begin, 0, 2);
}

}  // namespace

RowPass::RowPass(const RowMatrix& a)
    : a_(a),
      rows_of_chunk_(std::max(fewest_rows_of_chunk, ceiling(a.rows(), most_chunks))),
      rows_of_block_(a.is_sparse() ? most_rows_of_block
                                   : std::clamp(block_entries / std::max<Index>(a.columns(), 1),
                                                fewest_rows_of_block, most_rows_of_block)) {}

Index RowPass::chunks() const {
  return ceiling(a_.rows(), rows_of_chunk_);
}

Range RowPass::rows_of_chunk(Index chunk) const {
  return {chunk * rows_of_chunk_, std::min(a_.rows(), (chunk + 1) * rows_of_chunk_)};
}

void RowPass::times(Range rows, const Vector& x, double* z) const {
  require(x.size() == a_.columns(), "RowPass::times: x has an entry a column");
  if (!a_.is_sparse()) {
    const Matrix& a = a_.dense();
    kernels().row_dots(rows.size(), a.cols(), a.data() + rows.begin * a.cols(), a.cols(), x.data(), z);
    return;
  }
  const SparseRows& a = a_.sparse();
  for (Index i = rows.begin; i < rows.end; ++i) {
    const Range entries = a.entries_of(i);
    double sum = 0;
    for (Index k = entries.begin; k < entries.end; ++k) sum += a.value(k) * x[a.column(k)];
    z[i - rows.begin] = sum;
  }
}

// sums (count × d) += Yᵀ A of the block, a few vectors of columns at a time.
void RowPass::add_block(const Matrix& a, Range rows, Index count, const double* y, Matrix& sums) const {
  const TileKernels<double>& k = kernels();
  const Index columns = a.cols();
  const Index whole = columns / k.lanes * k.lanes;
  const double* block = a.data() + rows.begin * columns;
  const double* next = block + rows.size() * columns;
  const double* end = a.data() + std::min(a.rows(), rows.end + rows.size()) * columns;
  const Index step = k.most_vectors * k.lanes;
  const Index fetched = ceiling(rows.size() * columns, std::max<Index>(ceiling(whole, step), 1));
  for (Index column = 0; column < whole; column += step) {
    fetch(next, std::min(next + fetched, end));
    next += fetched;
    const Index vectors = std::min(k.most_vectors, (whole - column) / k.lanes);
    k.mix(vectors, count, rows.size(), y, count, {block + column, columns}, {sums.data() + column, columns},
          true);
  }
  for (Index i = 0; i < rows.size() && whole < columns; ++i) {
    for (Index column = whole; column < columns; ++column) {
      for (Index j = 0; j < count; ++j) sums(j, column) += y[i * count + j] * block[i * columns + column];
    }
  }
}

// Here sums is d × count, so that an entry of A goes to neighbours.
void RowPass::add_block(const SparseRows& a, Range rows, Index count, const double* y, Matrix& sums) const {
  for (Index i = rows.begin; i < rows.end; ++i, y += count) {
    const Range entries = a.entries_of(i);
    for (Index k = entries.begin; k < entries.end; ++k) {
      double* sum = sums.data() + a.column(k) * count;
      for (Index j = 0; j < count; ++j) sum[j] += a.value(k) * y[j];
    }
  }
}

Matrix RowPass::transpose_product(Index count, const Fill& fill) const {
  const bool is_sparse = a_.is_sparse();
  const Matrix zero = is_sparse ? Matrix::Zero(a_.columns(), count) : Matrix::Zero(count, a_.columns());
  Matrix sums = deterministic_sum(chunks(), zero, [&](Index chunk) {
    Matrix sum = zero;
    ScratchFrame scratch;
    auto* y = scratch.take<double>(rows_of_block_ * count);
    const Range all = rows_of_chunk(chunk);
    for (Index row = all.begin; row < all.end; row += rows_of_block_) {
      const Range rows{row, std::min(row + rows_of_block_, all.end)};
      fill(chunk, rows, y);
      if (is_sparse) {
        add_block(a_.sparse(), rows, count, y, sum);
      } else {
        add_block(a_.dense(), rows, count, y, sum);
      }
    }
    return sum;
  });
  if (!is_sparse) return sums;
  return sums.transpose();
}

}  // namespace attnewton
