// Gram matrices of many Kronecker products of short vectors. Internal to this module.
#pragma once

#include <functional>

#include "attnewton/curvature/panel_matrix.hpp"

namespace attnewton {

/// sums = Σ_s vech(U_s) vech(V_s)ᵀ of the rows of `packed_u` and `packed_v`, row by row of the sums: whole,
/// the right side would take as much memory as they do. Local, on TBB's threads.
void set_to_packed_products(const Matrix& packed_u, const Matrix& packed_v, PanelMatrix<double>& sums);

/// Pairs of vectors, real or complex: row r of `left` is u_r ∈ R^{d₁}, or [Re u_r, Im u_r] of u_r ∈ C^{d₁};
/// `right` likewise with d₂.
struct KroneckerRows {
  Matrix left;
  Matrix right;
  bool is_complex = false;

  Index left_width() const { return left.cols() / (is_complex ? 2 : 1); }
  Index right_width() const { return right.cols() / (is_complex ? 2 : 1); }
};

/// Σ_r Re[(conj(u_r) u_rᵀ) ⊗ (conj(v_r) v_rᵀ)], of real vectors Σ_r (u_r ⊗ v_r)(u_r ⊗ v_r)ᵀ, beside Σ_s
/// U_s ⊗ V_s. The real parts of conj(u) uᵀ are symmetric and the imaginary ones skew: both are packed by
/// their lower triangles, d⁴/4 multiply–adds for each, instead of a dsyrk's d⁴/2 for the real and the
/// imaginary part of u ⊗ v.
class KroneckerRowSums {
 public:
  /// What the sums start from are U_s and V_s, packed, a row a term; none: they may be empty. All must
  /// outlive this.
  KroneckerRowSums(const KroneckerRows& rows, const Matrix& packed_u, const Matrix& packed_v);

  /// Adds up all rows. As soon as block rows [a, a + …) of the d₁ are final, calls `rows_done` with that
  /// range, in order, while the rest is still to come. Local, on TBB's threads; the same bits for any number
  /// of them.
  void add_up(const std::function<void(Range)>& rows_done);

  /// Block row a of the lower triangle, d₂ × (a + 1)d₂. Local, on TBB's threads.
  Matrix block_row(Index a) const;

 private:
  bool start();

  const KroneckerRows& rows_;
  const Matrix& packed_u_;
  const Matrix& packed_v_;
  PanelMatrix<double> symmetric_;  // Σ vech(Re conj(u) uᵀ) vech(Re conj(v) vᵀ)ᵀ
  PanelMatrix<double> skew_;       // Σ of the imaginary parts' lower triangles; empty for real rows
};

}  // namespace attnewton
