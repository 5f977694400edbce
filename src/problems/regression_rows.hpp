// A rank's rows of a regression and what is summed over them: no communication, and no vector as long as the
// rows but the scores. φ and its derivatives are made anew from the scores wherever they are needed, for a
// block of rows at a time, which costs less than to fetch them from memory. Internal to this module.
#pragma once

#include <optional>

#include "attnewton/problems/regression.hpp"

namespace attnewton {

/// What one pass over scores gives.
struct ScoreSums {
  LinkSums link;
  double weighted_squared = 0;   ///< ‖diag(w) z‖²
  std::optional<Index> outside;  ///< the first local row outside the link's domain

  ScoreSums& operator+=(const ScoreSums& other);
};

/// Scores, their sums and Aᵀ times the slope terms (and w²∘z, in the last row, with weights).
struct ScorePass {
  Vector scores;
  ScoreSums sums;
  Matrix slopes;
};

class RegressionRows {
 public:
  /// All must outlive this. `weights_squared` is empty where there are none, or no rows; `has_weights` is the
  /// same on every rank.
  RegressionRows(const RegressionData& data, const RegressionOptions& options, const Vector& weights_squared,
                 bool has_weights)
      : data_(data), options_(options), weights_squared_(weights_squared), has_weights_(has_weights) {}

  /// A row of A is read from memory once: z = A θ and Aᵀ times the slope terms at the scale of `nearby`.
  /// 2·entries flops for z and as many for each term.
  ScorePass pass(const Vector& theta, const NearbyScale& nearby) const;
  /// Aᵀ times the slope terms of known scores.
  Matrix slopes(const Vector& z, const NearbyScale& at) const;

  /// O(n_local), one or two elementary functions a row, as are the next four.
  ScoreSums score_sums(const Vector& z, double shift) const;
  ResidualSums residual_sums(const Vector& z, const NearbyScale& at) const;
  ScoreCurvature curvature(const RegressionPoint& point, HessianForm form) const;
  Vector residual(const RegressionPoint& point) const;
  /// δ + w².
  Vector diagonal(const RegressionPoint& point, HessianForm form) const;
  /// Aᵀ diag(δ + w²) A v. 4·entries flops.
  Vector diagonal_product(const RegressionPoint& point, const Vector& v) const;

 private:
  struct Buffer {
    Vector shifted;
    LinkValues link;
  };

  // φ, φ′, φ″ and b of a block of rows.
  ScoreRows rows_at(Range rows, const Eigen::Ref<const Vector>& z, double shift, Buffer& buffer) const;
  ScoreSums sums_of(Range rows, const Eigen::Ref<const Vector>& z, const LinkValues& link) const;
  Index terms() const;
  void fill_terms(Range rows, const Eigen::Ref<const Vector>& z, const ScoreRows& at,
                  const ResidualScale& scale, double* terms) const;
  template <class Work>
  void for_each_block(const RegressionPoint& point, const Work& work) const;

  const RegressionData& data_;
  const RegressionOptions& options_;
  const Vector& weights_squared_;
  bool has_weights_;
};

}  // namespace attnewton
