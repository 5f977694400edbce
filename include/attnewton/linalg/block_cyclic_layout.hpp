// ScaLAPACK's two-dimensional block-cyclic distribution as a value: pure index arithmetic, no MPI.
#pragma once

#include "attnewton/core/types.hpp"

namespace attnewton {

/// One dimension of a block-cyclic distribution: `length` indices in blocks of `block`, dealt to `processes`
/// in turn, the first block to process 0.
class CyclicDimension {
 public:
  CyclicDimension(Index length, Index block, int processes);

  Index length() const { return length_; }
  Index block() const { return block_; }
  int processes() const { return processes_; }

  int owner(Index global) const { return static_cast<int>(global / block_ % processes_); }
  /// Position of `global` among the indices of its owner.
  Index local(Index global) const { return global / (block_ * processes_) * block_ + global % block_; }
  /// Inverse of local() for `process`.
  Index global(Index local, int process) const {
    return (local / block_ * processes_ + process) * block_ + local % block_;
  }
  /// Number of indices below `global` that `process` owns; count_below(length()) is ScaLAPACK's NUMROC.
  Index count_below(Index global, int process) const;

 private:
  Index length_;
  Index block_;
  int processes_;
};

/// Place of one process in a grid of `rows` × `columns` processes, ranks dealt row by row.
struct GridShape {
  int rows = 1;
  int columns = 1;

  int size() const { return rows * columns; }
  int row_of(int rank) const { return rank / columns; }
  int column_of(int rank) const { return rank % columns; }
  friend bool operator==(const GridShape&, const GridShape&) = default;

  /// The most nearly square grid of exactly `ranks` processes, rows ≤ columns.
  static GridShape nearly_square(int ranks);
};

/// A matrix over a process grid.
struct BlockCyclicLayout {
  CyclicDimension rows;
  CyclicDimension columns;

  /// rows × columns entries in block × block tiles over `grid`.
  BlockCyclicLayout(Index row_count, Index column_count, Index block, GridShape grid)
      : rows(row_count, block, grid.rows), columns(column_count, block, grid.columns) {}

  Index local_rows(int grid_row) const { return rows.count_below(rows.length(), grid_row); }
  Index local_columns(int grid_column) const { return columns.count_below(columns.length(), grid_column); }
};

}  // namespace attnewton
