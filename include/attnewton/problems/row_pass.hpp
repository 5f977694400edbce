// Products with a tall matrix A in which each row is read from memory once: blocks of rows that stay in the
// cache, forth and back.
#pragma once

#include <functional>

#include "attnewton/linalg/row_matrix.hpp"

namespace attnewton {

/// A rank's rows in blocks of some tens or hundreds, which the cache holds, and chunks of blocks, which are
/// the tasks of a pass; both fixed by A's shape alone. `a` must outlive this. All functions are local.
class RowPass {
 public:
  /// fill(chunk, rows, y): writes a block's rows of Y, row-major without gaps. Blocks of a chunk come one
  /// after the other, in order; chunks run side by side on TBB's threads.
  using Fill = std::function<void(Index chunk, Range rows, double* y)>;

  explicit RowPass(const RowMatrix& a);

  Index chunks() const;

  /// z_i = ⟨a_i, x⟩ of a block of rows: for a `fill` that needs A x, so that the block is in the cache when
  /// its transpose is multiplied. 2·entries flops, one thread.
  void times(Range rows, const Vector& x, double* z) const;

  /// Yᵀ A (count × d): row k is Aᵀ times column k of Y (n_local × count), which is made block by block and
  /// never stored whole. 2·count·entries flops; chunks() + 1 results at most are held; the same bits for any
  /// number of threads.
  Matrix transpose_product(Index count, const Fill& fill) const;

 private:
  Range rows_of_chunk(Index chunk) const;
  void add_block(const Matrix& a, Range rows, Index count, const double* y, Matrix& sums) const;
  void add_block(const SparseRows& a, Range rows, Index count, const double* y, Matrix& sums) const;

  const RowMatrix& a_;
  Index rows_of_chunk_;
  Index rows_of_block_;
};

}  // namespace attnewton
