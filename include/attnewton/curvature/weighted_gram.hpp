// Aᵀ diag(weights) A of a rank's rows, dense or sparse, a panel of rows at a time.
#pragma once

#include <vector>

#include "attnewton/linalg/row_matrix.hpp"

namespace attnewton {

/// All functions are local and run on TBB's threads; results have the same bits for any number of them.
class WeightedGram {
 public:
  /// `a` must outlive this. Sparse rows are indexed by column: O(entries) time, 16 bytes an entry.
  explicit WeightedGram(const RowMatrix& a);

  /// Rows of the panels that are made fast and fill some tens of MiB at most; at least 1.
  Index panel_rows() const;

  /// Rows `rows` of the Gram matrix's lower triangle, columns [0, rows.end); to the right of the diagonal
  /// stands what is of no use. `weights` has an entry a row of A, of any sign. All panels together cost
  /// n d (d + 64) flops at most (dense), Σ nnz_row² flops (sparse). Memory a few panels.
  Matrix panel(Range rows, const Vector& weights) const;

 private:
  struct Entry {
    Index row;
    Index position;  // among the values of the sparse rows
  };

  Matrix dense_panel(Range rows, const Vector& weights) const;
  Matrix sparse_panel(Range rows, const Vector& weights) const;
  void fetch_ahead(Index e, Index end) const;
  void add_sparse_row(Range entries, const Vector& weights, double* sum) const;

  const RowMatrix& a_;
  std::vector<Index> column_starts_;  // into by_column_; both empty for dense rows
  std::vector<Entry> by_column_;
};

}  // namespace attnewton
