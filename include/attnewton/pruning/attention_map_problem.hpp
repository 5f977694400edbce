// Fitting an attention map by some of its weights, as a problem: mask learning, refits and ADMM's steps are
// this one with other units, pulls and centres (2410.11261; MATHEMATICS §4).
#pragma once

#include <memory>
#include <vector>

#include "attnewton/problems/problem.hpp"
#include "attnewton/pruning/attention_map.hpp"

namespace attnewton {

/// H_block ≈ input ⊗ output, both ⪰ 0; vec is row-major.
struct KroneckerBlock {
  Matrix input;   ///< d × d
  Matrix output;  ///< r × r (fused: d × d)
};

/// Vectors have the support's length, or are empty; all are the same on every rank.
struct AttentionMapOptions {
  HessianForm form = HessianForm::exact;  ///< of hessian_vector()
  /// The weights that may differ from 0: rising positions among AttentionMap::parameters(). Empty: all.
  std::vector<Index> support = {};
  Vector unit = {};         ///< u: w = u ∘ θ; empty: ones
  Vector pull = {};         ///< p ≥ 0; empty: none
  Vector centre = {};       ///< t, which p pulls θ to; empty: zeros
  double prior_weight = 0;  ///< κ ≥ 0
  /// A_b ⊗ C_b of the map's blocks, with κ > 0: kronecker_blocks(). The prior then pulls all weights, those
  /// off the support too, towards the reference W as the map does on average: what directions that these
  /// inputs hardly show are worth to others.
  std::shared_ptr<const std::vector<KroneckerBlock>> prior = {};
};

class AttentionMapPoint : public Point {
 public:
  using Point::Point;

  MapForward at;
};

/// L(θ) = ½ Σ_h ‖Att_h(w) − E_h‖² + ½ Σ_i p_i (θ_i − t_i)² + ½κ Σ_b tr((w − W)_bᵀ A_b (w − W)_b C_b), w = u ∘
/// θ on the support and 0 elsewhere. The paper's mask loss is u = W, p = λ, t = 0; a refit u = 1, p = μ, t =
/// W; a step of ADMM u = 1/D, p = ρ, t = Z − V. Making one is cheap beside an evaluation. relative_residual
/// is ‖Att − E‖/‖E‖ over all heads. Where a logit is not finite the objective is not, and obstacle() names
/// row and head.
class AttentionMapProblem : public Problem {
 public:
  /// Throws UsageError if lengths do not fit, the support does not rise within parameters(), a pull is
  /// negative or a number not finite. Local, with the same outcome on every rank; O(support).
  AttentionMapProblem(std::shared_ptr<const AttentionMap> map, AttentionMapOptions options);

  const Communicator& comm() const override { return map_->comm(); }
  Index unknowns() const override;
  /// Cost: AttentionMap::evaluate().
  std::unique_ptr<Point> evaluate(const Vector& theta) const override;
  std::unique_ptr<Point> evaluate_with_gradient(const Vector& theta) const override;
  /// Cost: AttentionMap::local_gradient(); one reduction of as many numbers as unknowns.
  Vector gradient(const Point& point) const override;
  /// In the options' form. Cost: AttentionMap::local_hessian_vector(), and one such reduction.
  Vector hessian_vector(const Point& point, const Vector& v) const override;

  const AttentionMap& map() const { return *map_; }
  const AttentionMapOptions& options() const { return options_; }
  /// All AttentionMap::parameters() weights at θ, zeros off the support. Local.
  Vector weights(const Vector& theta) const;
  /// The support's entries of a vector of all parameters() numbers, and the reverse, with zeros elsewhere.
  /// Local.
  Vector on_support(const Vector& all) const;
  Vector extended(const Vector& values) const;

 private:
  void check() const;
  std::unique_ptr<Point> evaluate(const Vector& theta, MapPass pass) const;
  Objective objective_of(const Vector& theta, const MapForward& at) const;
  Vector in_units(const Vector& values) const;
  Vector prior_times(const Vector& weights) const;
  Vector pulls(const Vector& theta) const;
  Vector summed(const Vector& local) const;

  std::shared_ptr<const AttentionMap> map_;
  AttentionMapOptions options_;
};

}  // namespace attnewton
