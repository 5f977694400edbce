// Regressions on one vector, link × normalisation, as a problem (MATHEMATICS §2).
#pragma once

#include <optional>

#include "attnewton/linalg/row_matrix.hpp"
#include "attnewton/problems/normalisation.hpp"
#include "attnewton/problems/problem.hpp"

namespace attnewton {

class RegressionRows;
struct ScoreSums;

/// This rank's rows.
struct RegressionData {
  RowMatrix a;          ///< n_local × d; n_local may be 0, d is the same on every rank
  Vector target;        ///< b, n_local
  Index first_row = 0;  ///< number of the first local row among all: what messages count by
};

struct RegressionOptions {
  LinkFunction link;
  Normalisation normalisation = Normalisation::softmax;
  Vector weights;    ///< w of the local rows; empty: none. On all ranks or on none (but those without rows)
  double ridge = 0;  ///< λ
};

/// α and p of a point, by which others nearby are evaluated; u = φ(z − shift).
struct NearbyScale {
  double shift = 0;
  ResidualScale scale;
};

/// A point of a regression: what its derivatives use again.
class RegressionPoint : public Point {
 public:
  using Point::Point;

  Vector scores;          ///< z = A x, local rows
  double shift = 0;       ///< of z in the link: with exp and softmax, where it changes none of the results
  NormalisedResidual at;  ///< sums over the rows of all ranks

  /// Aᵀ times gz, g̃ and s, and Aᵀ(w²∘z), over the rows of all ranks; made when they are first asked for, if
  /// the evaluation did not.
  struct Slopes {
    SlopeSums sums;
    Vector weighted;  ///< empty without weights
  };
  mutable std::optional<Slopes> slopes;
};

/// What the Hessian has besides Aᵀ(diag(δ) + W²)A + λI: κ g gᵀ − g mᵀ − m gᵀ with g = Aᵀg̃ and m = Aᵀs.
struct RankTwoPart {
  double kappa = 0;
  Vector direction;  ///< g; empty without normalisation: there is no such part
  Vector mixed;      ///< m

  /// Times v.
  Vector times(const Vector& v) const;
};

/// L(x) = ½‖r‖² + ½‖diag(w) A x‖² + ½λ‖x‖² of x ∈ R^d, r by link and normalisation. Outside its domain (an
/// overflow of the link, a power of a number that has none, with softmax also Σ φ(z) next to 0 for its
/// terms) the objective is not finite, and obstacle() names the first row at fault.
class RegressionProblem : public Problem {
 public:
  /// Throws DataError if shapes do not fit, sparse rows are malformed or a number is not finite, UsageError
  /// for a ridge or power that makes no sense. Collective on `comm`; cost O(entries).
  RegressionProblem(const Communicator& comm, RegressionData data, RegressionOptions options);
  RegressionProblem(const RegressionProblem&) = delete;
  RegressionProblem& operator=(const RegressionProblem&) = delete;

  const Communicator& comm() const override { return comm_; }
  Index unknowns() const override { return data_.a.columns(); }
  /// The first evaluation, and one after a step so long that nothing is to be learned from where it began,
  /// cost 2·entries flops; others 2·entries for z and 6·entries (8 with weights) for what the gradient
  /// consists of, in the same pass over A. O(n_local) for link and residual; some reductions of a few numbers
  /// and one of 3d or 4d.
  std::unique_ptr<Point> evaluate(const Vector& theta) const override;
  /// Aᵀ(gz + w²∘z) + λx: O(d) where the evaluation made its sums, else a pass over A and a reduction. Later
  /// evaluations take this point for the one that they begin at.
  Vector gradient(const Point& point) const override;
  /// Aᵀ(Bz + W²)A v + λv, Bz diagonal plus rank 2, all of it. Cost 4·entries flops in one pass over A; one
  /// reduction of d numbers.
  Vector hessian_vector(const Point& point, const Vector& v) const override;

  const RegressionData& data() const { return data_; }
  const RegressionOptions& options() const { return options_; }
  bool is_normalised() const { return options_.normalisation != Normalisation::none; }

  /// r, the local rows. Local, O(n_local).
  Vector residual(const RegressionPoint& point) const;

  /// ∇² of the objective by the scores z: diag(δ + w²) and the rank-2 part. Local, O(n_local); three vectors
  /// as long as the rows.
  ScoreCurvature score_curvature(const RegressionPoint& point, HessianForm form = HessianForm::exact) const;
  /// δ + w² alone. Local, O(n_local).
  Vector curvature_diagonal(const RegressionPoint& point, HessianForm form) const;
  /// The rank-2 part multiplied by A, whole on every rank. Collective; O(d) after gradient().
  RankTwoPart rank_two_part(const RegressionPoint& point, HessianForm form) const;

 private:
  RegressionRows rows() const;
  bool is_shifted() const;
  std::string obstacle_in(const Vector& z, std::optional<Index> row) const;
  NormalisedResidual normalise(const ScoreSums& sums, const Vector& z, double shift) const;
  Objective objective_of(const Vector& theta, double weighted_squared, const NormalisedResidual& at) const;
  RegressionPoint::Slopes slopes_from(Matrix sums, const NearbyScale& nearby,
                                      const ResidualScale& scale) const;
  const RegressionPoint::Slopes& slopes_of(const RegressionPoint& point) const;

  Communicator comm_;
  RegressionData data_;
  RegressionOptions options_;
  Vector weights_squared_;    // empty without weights, or without rows
  bool has_weights_ = false;  // the same on every rank
  double target_norm_squared_ = 0;
  // Of the point that a gradient was last asked for. It only decides in which order sums are taken: results
  // depend on it within rounding.
  mutable std::optional<NearbyScale> nearby_;
};

}  // namespace attnewton
