// The per-row matrices of the attention Hessian, M_j and N_j (MATHEMATICS §1), for the rows of a tile.
#pragma once

#include "attnewton/curvature/attention_hessian.hpp"
#include "attnewton/problems/attention_tile.hpp"

namespace attnewton {

/// Shape of the stored rows: with A₃ = A₂ the symmetric N_j is kept as vech, else whole.
struct BlockShape {
  Index d1 = 0;  ///< width of the queries
  Index d2 = 0;  ///< width of the keys
  Index d3 = 0;  ///< width of the values
  Index e = 0;   ///< width of the output
  bool symmetric = true;

  static BlockShape of(const AttentionData& data);
  Index m_size() const { return d2 * (d2 + 1) / 2; }
  Index n_size() const { return symmetric ? m_size() : d2 * d3; }
  Index k_size() const { return d2 * e; }
};

/// Buffers for consecutive query rows, one matrix row a query row.
struct RowBlocks {
  Matrix m;  ///< vech(M_j)
  Matrix n;  ///< vech(N_j) or vec(N_j); not filled for Gauss–Newton
  Matrix k;  ///< vec(K_j), K_j = N_j Y

  RowBlocks(const BlockShape& shape, HessianForm form, Index rows);
};

/// Fills rows `first_row`, … of `blocks` with the tile's query rows. `outputs` is A₃Y of the local keys.
/// Local, callable in a TBB task. Cost rows·keys·d² multiply–adds (exact; half for Gauss–Newton) on BLAS-3,
/// keys streamed in tiles.
void fill_row_blocks(const AttentionProblem& problem, const AttentionPoint& point, const Matrix& outputs,
                     const AttentionTile& tile, HessianForm form, Index first_row, RowBlocks& blocks);

}  // namespace attnewton
