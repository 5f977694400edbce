// A rank's sums over its query rows from which the attention Hessian is put together (MATHEMATICS §1, "What
// the structure is worth").
#pragma once

#include <span>

#include "attnewton/curvature/attention_blocks.hpp"

namespace attnewton {

/// Σ_j over this rank's rows, in packed form. `scale` of the logits is in them.
class AttentionSums {
 public:
  /// Adds up all local rows, chunk by chunk. Local, on TBB's threads; the same bits for any number of
  /// threads.
  AttentionSums(const AttentionProblem& problem, const AttentionPoint& point, HessianForm form);

  /// This rank's term of block column a′ of H_xx's lower triangle: rows (a, b) for a ≥ a′, columns b′ of a′.
  Matrix xx_panel(Index a_prime) const;
  /// This rank's term of block row a of H_xy: row b, column (k, i); d₂ × d₃e.
  Matrix xy_panel(Index a) const;

  const BlockShape& shape() const { return shape_; }

 private:
  void add_regulariser(const AttentionRegulariser& regulariser);

  BlockShape shape_;
  PanelMatrix<double> xx_;    // Σ vech(a_j a_jᵀ) vech(M_j)ᵀ
  PanelMatrix<double> xy_t_;  // Σ (a_j ⊗ t_j) vec(K_j)ᵀ: row (a, k), column (b, i)
  // Σ (a_j ⊗ c_j) vec(N_j)ᵀ: row (a, i), column (b, k), packed if N_j is; empty for Gauss–Newton
  PanelMatrix<double> xy_c_;
};

}  // namespace attnewton
