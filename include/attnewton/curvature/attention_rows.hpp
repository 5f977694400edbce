// The query rows that an attention Hessian is summed over: all of a rank's, or those of a sample.
#pragma once

#include <span>
#include <vector>

#include "attnewton/problems/attention.hpp"
#include "attnewton/sketch/row_sample.hpp"

namespace attnewton {

/// Query rows of one rank with what a point knows of them, a row of each matrix a query row; views. The terms
/// of row j in the Hessian are multiplied by w_j: every term has a left factor that is an outer product of
/// rows times √w_j (a_j a_jᵀ, a_j ⊗ t_j, a_j ⊗ c_j), and a right one, M_j, N_j or K_j, that knows no weight.
struct AttentionRows {
  const Matrix& queries;                 ///< a_j
  const Matrix& target;                  ///< b_j
  const AttentionForward& at;            ///< t_j, log-sum-exp and c_j
  std::span<const AttentionTile> tiles;  ///< of these rows, in order
  const Matrix& left_queries;            ///< √w_j a_j
  const Matrix& left_mixed;              ///< √w_j t_j
  const Matrix& left_residual;           ///< √w_j c_j
};

/// All of a rank's rows, w_j = 1. Both must outlive it.
AttentionRows all_rows(const AttentionProblem& problem, const AttentionPoint& point);

/// The rows of a sample, gathered so that tiles are as full as without one: work is proportional to them.
class SampledAttentionRows {
 public:
  /// Copies the sampled rows; `weights` of `sample` are w_j. Local, O(rows·width).
  SampledAttentionRows(const AttentionProblem& problem, const AttentionPoint& point, const RowSample& sample);
  SampledAttentionRows(const SampledAttentionRows&) = delete;
  SampledAttentionRows& operator=(const SampledAttentionRows&) = delete;

  /// Views of this.
  AttentionRows rows() const;

 private:
  Matrix queries_;
  Matrix target_;
  AttentionForward at_;
  std::vector<AttentionTile> tiles_;
  Matrix left_queries_;
  Matrix left_mixed_;
  Matrix left_residual_;
};

}  // namespace attnewton
