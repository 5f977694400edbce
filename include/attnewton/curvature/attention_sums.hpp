// A rank's sums over query rows from which the attention Hessian is put together (MATHEMATICS §1, "What
// the structure is worth").
#pragma once

#include <functional>

#include "attnewton/curvature/attention_blocks.hpp"

namespace attnewton {

/// Σ_j over rows of this rank, in packed form, and its part of the regulariser. `scale` of the logits is in
/// them.
class AttentionSums {
 public:
  /// Nothing added up yet. `problem`, `point` and what `rows` views must outlive this.
  AttentionSums(const AttentionProblem& problem, const AttentionPoint& point, const AttentionRows& rows,
                HessianForm form);

  /// Adds up the rows, chunk by chunk. As soon as the sums of block rows [a, a + …) are final, calls
  /// `rows_done` with that range, in order, while the rest is still to come: reductions can be under way
  /// meanwhile. Local, on TBB's threads; the same bits for any number of threads.
  void add_up(const std::function<void(Range)>& rows_done);

  /// This rank's term of block row a of H_xx's lower triangle: row b, columns (a′, b′) for a′ ≤ a; d₂ ×
  /// (a + 1)d₂. Local, on TBB's threads.
  Matrix xx_row(Index a) const;
  /// This rank's term of block row a of H_xy, turned: row k, column (b, i) of entry [(a, b), (k, i)]; d₃ ×
  /// d₂e. Likewise.
  Matrix xy_block(Index a) const;

  const BlockShape& shape() const { return shape_; }

 private:
  template <class Real>
  void add_rows(const std::function<void(Range)>& rows_done);
  bool start();
  bool is_coarse() const { return point_.curvature() == Precision::mixed; }

  const AttentionProblem& problem_;
  const AttentionPoint& point_;
  AttentionRows rows_;
  HessianForm form_;
  BlockShape shape_;
  PanelMatrix<double> xx_;    // Σ vech(a_j a_jᵀ) vech(M_j)ᵀ
  PanelMatrix<double> xy_t_;  // Σ (a_j ⊗ t_j) vec(K_j)ᵀ: row (a, k), column (b, i)
  // Σ (a_j ⊗ c_j) vec(N_j)ᵀ: row (a, i), column (b, k), packed if N_j is; empty for Gauss–Newton
  PanelMatrix<double> xy_c_;
};

}  // namespace attnewton
