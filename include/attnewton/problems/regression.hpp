// Regressions on one vector, link × normalisation, as a problem (MATHEMATICS §2).
#pragma once

#include "attnewton/linalg/row_matrix.hpp"
#include "attnewton/problems/normalisation.hpp"
#include "attnewton/problems/problem.hpp"
#include "attnewton/problems/score_regulariser.hpp"

namespace attnewton {

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

/// A point of a regression: what its derivatives use again.
class RegressionPoint : public Point {
 public:
  using Point::Point;

  Vector scores;          ///< z = A x, local rows
  LinkValues link;        ///< at z; of z − max z for exp with softmax, which changes none of the results
  NormalisedResidual at;  ///< r and the sums
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
  /// Cost 2·entries flops, O(n_local) for link and residual; some reductions of a few numbers.
  std::unique_ptr<Point> evaluate(const Vector& theta) const override;
  /// Aᵀ(gz + w²∘z) + λx. Cost 2·entries flops; one reduction of d numbers.
  Vector gradient(const Point& point) const override;
  /// Aᵀ(Bz + W²)A v + λv, Bz diagonal plus rank 2, all of it. Cost 4·entries flops; one reduction of d
  /// numbers and, with a normalisation, one of 2.
  Vector hessian_vector(const Point& point, const Vector& v) const override;

  const RegressionData& data() const { return data_; }
  const RegressionOptions& options() const { return options_; }
  bool is_normalised() const { return options_.normalisation != Normalisation::none; }

  /// ∇² of the objective by the scores z: diag(δ + w²) and the rank-2 part. Local, O(n_local).
  ScoreCurvature score_curvature(const RegressionPoint& point) const;

 private:
  double shift_of(const Vector& z) const;
  std::string obstacle_in(const Vector& z, const LinkValues& link) const;

  Communicator comm_;
  RegressionData data_;
  RegressionOptions options_;
  ScoreRegulariser regulariser_;
  double target_norm_squared_ = 0;
};

}  // namespace attnewton
