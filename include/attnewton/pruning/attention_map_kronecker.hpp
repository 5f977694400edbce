// Kronecker products that stand for the Gauss–Newton Hessian of an attention map, a block a factor, and
// solves with them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "attnewton/curvature/damped_hessian.hpp"
#include "attnewton/linalg/kronecker_product.hpp"
#include "attnewton/pruning/attention_map_problem.hpp"

namespace attnewton {

/// One for each of map.blocks(), at `weights`. With J = diag f − f fᵀ of a row and its weight ω = tr J² = Σf²
/// − 2Σf³ + (Σf²)²:
///   P_h: input = scale² Σ_j ω_j x_j x_jᵀ,         output = Σ_j RᵀJ_j²R / Σ_j ω_j, over the head's rows
///   K:   input = scale² Σ_h Σ_j XᵀJ_j²X,          output = Σ_h Σ_j ω_j q_j q_jᵀ / Σ_h Σ_j ω_j
/// (R = X K, or X if fused; q_j row j of X P_h + 1 b_hᵀ.) The weighted average of one factor stands for all
/// rows': exact where J_j is the same for all of them. The same on every rank. Collective; an evaluation, 2
/// products, 2 of 2·n·m·d operations a head for K, O(n d² H); one reduction of the blocks' numbers.
/// Throws NumericalError if a logit is not finite there.
std::vector<KroneckerBlock> kronecker_blocks(const AttentionMap& map, const Vector& weights);

/// Units of a block's weights that have rank one: w_ij = θ_ij / (row_i column_j).
struct BlockScale {
  Vector row;     ///< a, d positive numbers
  Vector column;  ///< c, r (fused: d) positive numbers
};

/// Eigenvectors and eigenvalues of A′ = A/(a aᵀ) and C′ = C/(c cᵀ) of each block A ⊗ C: made once, for all
/// problems with these units.
class KroneckerSpectra {
 public:
  /// `scales`: one a block, or none at all for ones. Throws UsageError if lengths do not fit or a scale is
  /// not positive, NumericalError if a number is not finite. Collective on `comm`; rank 0 computes, O(d³) a
  /// block.
  KroneckerSpectra(const Communicator& comm, const std::vector<KroneckerBlock>& blocks,
                   std::vector<BlockScale> scales = {});

  Index blocks() const { return static_cast<Index>(spectra_.size()); }
  const KroneckerSpectrum& block(Index i) const { return spectra_[static_cast<std::size_t>(i)]; }
  /// Diagonals of A′ and C′.
  const BlockScale& diagonals(Index i) const { return diagonals_[static_cast<std::size_t>(i)]; }
  /// a and c of each block; none: ones.
  const std::vector<BlockScale>& scales() const { return scales_; }
  /// Smallest eigenvalue of all A′ ⊗ C′.
  double smallest() const;

 private:
  std::vector<BlockScale> scales_;
  std::vector<BlockScale> diagonals_;
  std::vector<KroneckerSpectrum> spectra_;
};

/// H̃ of an AttentionMapProblem: blocks (1 + κ) A′ ⊗ C′ + pI, κ the weight of its prior, whose blocks must be
/// those of the spectra; the same at every point. Named "kronecker". On a support
/// solve() is the restriction of the whole blocks' inverse: positive definite, and the inverse of H̃ only
/// where the support is all. Each solve O(d²r + dr²) a block. factor(shift) succeeds whenever p + shift > 0.
class MapKroneckerHessian : public DampedHessian {
 public:
  /// `problem` must outlive this; its pull is one number, its units are 1/(row column) of the spectra's
  /// scales (none: ones): throws UsageError if not. Local, O(unknowns).
  MapKroneckerHessian(const AttentionMapProblem& problem, std::shared_ptr<const KroneckerSpectra> spectra);

  std::string name() const override { return "kronecker"; }
  bool is_rough() const override { return true; }
  void update(const Point& point, const Progress& progress) override;
  double mean_abs_diagonal() const override { return mean_abs_diagonal_; }
  bool factor(double shift) override;
  Index factorisations() const override { return factorisations_; }
  Vector solve(const Vector& rhs) const override;

 private:
  void check_units() const;
  Vector units_of_scales() const;
  double diagonal_mean() const;

  const AttentionMapProblem& problem_;
  std::shared_ptr<const KroneckerSpectra> spectra_;
  double pull_ = 0;
  double blocks_weight_ = 1;  // 1 + κ
  double mean_abs_diagonal_ = 0;
  Index factorisations_ = 0;
  std::optional<double> shift_;  // with the pull; of the last factor
};

}  // namespace attnewton
