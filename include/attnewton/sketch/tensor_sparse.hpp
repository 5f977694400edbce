// TensorSparse: a sketch of Kronecker products by circular convolutions of CountSketches (arXiv 2309.07418,
// Def. 13.4; MATHEMATICS §6).
#pragma once

#include "attnewton/sketch/count_sketch.hpp"
#include "attnewton/sketch/sketch_draws.hpp"

namespace attnewton {

/// S ∈ R^{m × n₁n₂} of s blocks of b = m/s rows: column (i, j) has in block k the entry σ₁(i,k)σ₂(j,k)/√s, in
/// row (h₁(i,k) + h₂(j,k)) mod b; E[SᵀS] = I. With U = left() A₁ (m × d₁) and V = right() A₂ (m × d₂), column
/// (p, q) of S (A₁ ⊗ A₂) is, block by block, √s times the circular convolution of column p of U and column q
/// of V. Both are linear, so that ranks with some rows of A₁ and A₂ each give terms which add up to U and V.
/// A value; local.
class TensorSparse {
 public:
  /// Blocks of `block_rows` rows, for any n₁ and n₂.
  TensorSparse(Index block_rows, Index blocks, const SketchDraws& draws);

  Index rows() const { return left_.rows(); }
  Index block_rows() const { return left_.block_rows(); }
  Index blocks() const { return left_.blocks(); }
  /// The CountSketches of the factors, their entries ±1/√s.
  const CountSketch& left() const { return left_; }
  const CountSketch& right() const { return right_; }

  /// Columns `columns` of S (A₁ ⊗ A₂), m × columns.size(), from U and V; column p·d₂ + q is (p, q). By FFT:
  /// O(m log b) for each column of U and V that they need and for each of theirs, on TBB's threads; the same
  /// bits for any number of them.
  Matrix convolve(const Matrix& left, const Matrix& right, Range columns) const;

  /// Rows of spectra: s·(⌊b/2⌋ + 1).
  Index spectrum_rows() const { return blocks() * (block_rows() / 2 + 1); }

  /// Û (spectrum_rows() × 2d₁) and V̂ (× 2d₂): rows [Re û, Im û] of the blocks' discrete Fourier transforms, a
  /// row for each frequency up to one half, such that (Parseval)
  ///   (S (A₁ ⊗ A₂))ᵀ S (A₁ ⊗ A₂) = Σ over rows of Re[(conj(û) ûᵀ) ⊗ (conj(v̂) v̂ᵀ)]
  ///                              = Σ (û_r û_rᵀ + û_i û_iᵀ) ⊗ (v̂_r v̂_rᵀ + v̂_i v̂_iᵀ) −
  ///                                  (û_r û_iᵀ − û_i û_rᵀ) ⊗ (v̂_r v̂_iᵀ − v̂_i v̂_rᵀ).
  /// So the Gram matrix needs no row of S (A₁ ⊗ A₂) and no transform back. Linear as well. O(m log b) a
  /// column, on TBB's threads; the same bits for any number of them.
  Matrix left_spectrum(const Matrix& left) const;
  Matrix right_spectrum(const Matrix& right) const;

 private:
  Matrix spectrum(const Matrix& factor, bool is_weighted) const;

  CountSketch left_;
  CountSketch right_;
};

}  // namespace attnewton
