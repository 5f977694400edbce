// Approximate leverage scores of a weighted tall matrix (MATHEMATICS §6).
#pragma once

#include <cstdint>
#include <memory>

#include "attnewton/linalg/process_grid.hpp"
#include "attnewton/linalg/row_matrix.hpp"

namespace attnewton {

/// This rank's rows of D^{1/2} (A − left rightᵀ), D = diag(weights) ⪰ 0.
struct WeightedRows {
  const RowMatrix& a;     ///< n_local × d
  const Vector& weights;  ///< n_local numbers ≥ 0
  Index first_row;        ///< number of the first local row among all
  Vector left = {};       ///< n_local numbers
  Vector right = {};      ///< d numbers, the same on every rank; empty: there is no such term
};

/// How often the approximation draws and what regularises it.
struct LeverageOptions {
  double ridge = 0;  ///< λ ≥ 0
  std::uint64_t seed = 0;
  Index iteration = 0;
};

/// τ_i ≈ D_ii a_iᵀ (AᵀDA + λI)⁺ a_i of the local rows, A standing for A − left rightᵀ, within a small factor
/// each but for rare rows: R from the QR of an OSNAP sketch of D^{1/2}A of some 4 d rows, then τ_i ≈
/// ‖(D^{1/2} A R⁻¹ G)_i‖² with G Gaussian, 2 ln n columns and at least 16, scaled to be unbiased given R (the
/// identity where d is no more than that). A ridge of 1.5e-8 of each column's norm, or λ where it is more, is
/// appended to the sketch: dependent columns and columns or rows of zeros need no special treatment, and
/// directions that are weaker than that count as none. A is never gathered and, if sparse, never made dense.
/// Collective on `grid`, d the same on all ranks. Cost (16 + 4 ln n)·entries flops shared out by rows, some
/// 10 d³ for the QR over all ranks. Memory per rank: a share of 5 d² numbers, some panels of 32 MiB, and 2 ln
/// n numbers a row.
Vector approximate_leverage_scores(const std::shared_ptr<const ProcessGrid>& grid, const WeightedRows& rows,
                                   const LeverageOptions& options);

}  // namespace attnewton
