// The per-row matrices of the attention Hessian, M_j, N_j and K_j (MATHEMATICS §1), for the rows of a tile.
#pragma once

#include "attnewton/curvature/attention_rows.hpp"
#include "attnewton/curvature/panel_matrix.hpp"

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
template <class Real>
struct RowBlocks {
  PanelMatrix<Real> m;  ///< vech(M_j)
  PanelMatrix<Real> n;  ///< vech(N_j) or vec(N_j); empty for Gauss–Newton
  PanelMatrix<Real> k;  ///< vec(K_j), K_j = N_j Y

  RowBlocks(const BlockShape& shape, HessianForm form, Index rows);
};

/// What filling reads, in the kernels' scalar type.
template <class Real>
struct BlockInputs {
  BlockInputs(const AttentionProblem& problem, const AttentionPoint& point, const AttentionRows& query_rows);
  BlockInputs(const BlockInputs&) = delete;
  BlockInputs& operator=(const BlockInputs&) = delete;

  const AttentionOperands<Real>& operands;
  AttentionRows rows;
  BlockShape shape;
  Matrix scaled_x;
  Matrix outputs_in_double;
  Operand<Real> x;        // scale·X
  Operand<Real> y;        // Y
  Operand<Real> outputs;  // A₃Y of the local keys
};

/// Fills rows `first_row`, … of `blocks` with the query rows of a tile of `inputs.rows`. Local, callable in a
/// TBB task. Cost rows·keys·d² multiply–adds (exact; half for Gauss–Newton), O(rows·d³) more; memory beyond
/// `blocks` does not depend on the number of keys.
template <class Real>
void fill_row_blocks(const BlockInputs<Real>& inputs, const AttentionTile& tile, HessianForm form,
                     Index first_row, RowBlocks<Real>& blocks);

}  // namespace attnewton
