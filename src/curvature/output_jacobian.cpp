#include "attnewton/curvature/output_jacobian.hpp"

#include <algorithm>
#include <vector>

#include "attnewton/core/timing.hpp"
#include "attnewton/linalg/blas.hpp"
#include "attnewton/linalg/row_reducer.hpp"
#include "attnewton/parallel/deterministic.hpp"

namespace attnewton {
namespace {

// Numbers in a piece of Q, if it has more than the fewest rows: 8 MiB.
constexpr Index piece_entries = Index{1} << 20;
constexpr Index fewest_rows_of_piece = 128;

// A task makes a block of the piece: so many rows, and columns for dense rows of A₁.
constexpr Index block_height = 128;
constexpr Index block_width = 512;
// For sparse ones all columns, and rows such that the block stays in the second-level cache.
constexpr Index sparse_block_entries = Index{1} << 16;
constexpr Index lowest_sparse_block = 8;
constexpr Index highest_sparse_block = 64;

// Rows of A₁ that a product takes at once, and the fewest of a group; groups are summed side by side where a
// piece has too few blocks to feed all threads.
constexpr Index rows_at_once = 256;
constexpr Index fewest_rows_of_group = 2048;
constexpr Index fewest_tasks = 64;

Index blocks_of(Index total, Index block) {
  return (total + block - 1) / block;
}

// Rows of A₂ and columns of A₁.
struct Block {
  Range rows;
  Range columns;
};

// The factors of A₂ diag(f) A₁.
struct Factors {
  const Matrix& a2;
  const Vector& f;
  const RowMatrix& a1;
};

Index height_of_blocks(const RowMatrix& a1) {
  if (!a1.is_sparse()) return block_height;
  const Index fitting = sparse_block_entries / a1.columns() / lowest_sparse_block * lowest_sparse_block;
  return std::clamp(fitting, lowest_sparse_block, highest_sparse_block);
}

std::vector<Block> blocks_of_piece(const RowMatrix& a1, Range rows) {
  const Index height = height_of_blocks(a1);
  const Index width = a1.is_sparse() ? a1.columns() : block_width;
  std::vector<Block> blocks;
  for (Index row = rows.begin; row < rows.end; row += height) {
    for (Index column = 0; column < a1.columns(); column += width)
      blocks.push_back(
          {{row, std::min(row + height, rows.end)}, {column, std::min(column + width, a1.columns())}});
  }
  return blocks;
}

// The term of the rows `inner` of A₁ in a block.
Matrix dense_block(const Factors& factors, const Block& block, Range inner) {
  const Matrix& a1 = factors.a1.dense();
  Matrix sum = Matrix::Zero(block.rows.size(), block.columns.size());
  Matrix scaled(block.rows.size(), rows_at_once);
  for (Index row = inner.begin; row < inner.end; row += rows_at_once) {
    const Index count = std::min(rows_at_once, inner.end - row);
    scaled.leftCols(count) = factors.a2.block(block.rows.begin, row, block.rows.size(), count) *
                             factors.f.segment(row, count).asDiagonal();
    gemm(Transpose::no, Transpose::no, 1, scaled.leftCols(count),
         a1.block(row, block.columns.begin, count, block.columns.size()), 1, sum);
  }
  return sum;
}

// Likewise, column by column of the block: what an entry of A₁ is multiplied by lies side by side.
Matrix sparse_block(const Factors& factors, const Block& block, Range inner) {
  const SparseRows& a1 = factors.a1.sparse();
  const Index height = block.rows.size();
  Matrix turned = Matrix::Zero(a1.columns, height);
  Matrix scaled(rows_at_once, height);
  for (Index row = inner.begin; row < inner.end; row += rows_at_once) {
    const Index count = std::min(rows_at_once, inner.end - row);
    scaled.topRows(count) = factors.f.segment(row, count).asDiagonal() *
                            factors.a2.block(block.rows.begin, row, height, count).transpose();
    for (Index i = 0; i < count; ++i) {
      const Range entries = a1.entries_of(row + i);
      for (Index k = entries.begin; k < entries.end; ++k)
        turned.row(a1.column(k)) += a1.value(k) * scaled.row(i);
    }
  }
  return turned.transpose();
}

// This rank's term of rows `rows` of A₂ diag(f) A₁.
Matrix piece_of_product(const Factors& factors, Range rows) {
  const std::vector<Block> blocks = blocks_of_piece(factors.a1, rows);
  const Index inner = factors.a1.rows();
  const Index wanted_groups = std::min(blocks_of(fewest_tasks, static_cast<Index>(blocks.size())),
                                       blocks_of(inner, fewest_rows_of_group));
  const Index rows_of_group = blocks_of(inner, std::max<Index>(wanted_groups, 1));
  const Index groups = inner == 0 ? 0 : blocks_of(inner, rows_of_group);
  Matrix piece(rows.size(), factors.a1.columns());
  for_each_task(static_cast<Index>(blocks.size()), [&](Index b) {
    const Block& block = blocks[static_cast<std::size_t>(b)];
    const Matrix zero = Matrix::Zero(block.rows.size(), block.columns.size());
    piece.block(block.rows.begin - rows.begin, block.columns.begin, zero.rows(), zero.cols()) =
        deterministic_sum(groups, zero, [&](Index group) {
          const Range summed{group * rows_of_group, std::min(inner, (group + 1) * rows_of_group)};
          return factors.a1.is_sparse() ? sparse_block(factors, block, summed)
                                        : dense_block(factors, block, summed);
        });
  });
  return piece;
}

}  // namespace

Matrix output_jacobian(const TwoLayerProblem& problem, const TwoLayerPoint& point, const Vector& g) {
  const TwoLayerData& data = problem.data();
  const Factors factors{data.a2, point.probabilities, data.a1};
  const Index outputs = data.a2.rows();
  const Index unknowns = data.a1.columns();
  const Index height = std::max(fewest_rows_of_piece, piece_entries / unknowns);
  RowReducer reducer(problem.comm(), outputs, unknowns);
  for (Index row = 0; row < outputs; row += height) {
    const Matrix piece = piece_of_product(factors, {row, std::min(outputs, row + height)});
    const TimingScope timing("reduction");
    reducer.add(row, piece);
  }
  Matrix q = [&] {
    const TimingScope timing("reduction");
    return reducer.finish();
  }();
  q.noalias() -= dealt_entries(problem.comm(), point.outputs) * g.transpose();
  return q;
}

}  // namespace attnewton
