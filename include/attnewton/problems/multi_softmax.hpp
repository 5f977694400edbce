// Multiple softmax regression and its rescaled form as a problem in X (2307.02419; MATHEMATICS §1 and §2).
#pragma once

#include <vector>

#include "attnewton/problems/multi_softmax_tile.hpp"
#include "attnewton/problems/problem.hpp"

namespace attnewton {

struct MultiSoftmaxOptions {
  Normalisation normalisation = Normalisation::softmax;
  Vector weights = {};  ///< w of the local query rows; empty: none. On all ranks or on none (but those
                        ///< without rows)
  double ridge = 0;     ///< λ
};

/// A point of a multiple softmax regression: what its derivatives use again. No n × m matrix is among it.
class MultiSoftmaxPoint : public Point {
 public:
  using Point::Point;

  Matrix x;               ///< d₁ × d₂
  MultiSoftmaxRows rows;  ///< of the local rows of S
  Matrix pulled_back;     ///< P A₂, n_local × d₂, if the gradient was prepared
  /// [g̃_j]_j A₂ and [s_j]_j A₂, n_local × d₂ each: made by the first Hessian–vector product at the point.
  mutable Matrix direction;
  mutable Matrix mixed;
};

/// L(X) = ½ Σ_j ‖r_j‖² + ½‖W A₁XA₂ᵀ‖² + ½λ‖X‖², r_j the residual of row j of S = scale·A₁XA₂ᵀ with the link
/// exp:
///   softmax   ½‖F − B‖², F the softmax of each row of S
///   rescaled  ½‖U − diag(α) B‖², U = exp(S), α = U 1
///   none      ½‖U − B‖²
/// θ = vec X (row-major). Rows of S are made a tile at a time on TBB's threads and never stored. Where exp
/// overflows (softmax: where a score itself is no number) the objective is not finite, and obstacle() names
/// the first query row at fault and its key. n is the number of query rows on this rank.
class MultiSoftmaxProblem : public Problem {
 public:
  /// Throws DataError if shapes do not fit or a number is not finite, UsageError for a ridge that makes no
  /// sense. Collective on `comm`; cost O(entries of the data).
  MultiSoftmaxProblem(const Communicator& comm, MultiSoftmaxData data, MultiSoftmaxOptions options);
  MultiSoftmaxProblem(const MultiSoftmaxProblem&) = delete;
  MultiSoftmaxProblem& operator=(const MultiSoftmaxProblem&) = delete;

  const Communicator& comm() const override { return comm_; }
  Index unknowns() const override { return data_.queries.cols() * data_.keys.cols(); }
  /// Cost one product of size n·m·d₂ and one exponential a score (2 of either beyond 16 384 keys); some
  /// reductions of a few numbers.
  std::unique_ptr<Point> evaluate(const Vector& theta) const override;
  /// Cost 2 products of size n·m·d₂ and one exponential a score, in one pass (3 and 2 beyond 16 384 keys).
  std::unique_ptr<Point> evaluate_with_gradient(const Vector& theta) const override;
  /// scale·A₁ᵀ P A₂ + (A₁ᵀW²A₁) X (A₂ᵀA₂) + λX, P's row j being gz_j of §2. One reduction of d₁d₂ numbers.
  /// Cost 2 products of size n·m·d₂ unless the point was prepared for it.
  Vector gradient(const Point& point) const override;
  /// H v, all of it: row j gives scale·a_j ⊗ A₂ᵀ Bz_j A₂ (scale·Vᵀ a_j), Bz_j diagonal plus rank 2. Cost 3
  /// products of size n·m·d₂, and 3 more at the first call at a point with a normalisation; one reduction of
  /// d₁d₂ numbers.
  Vector hessian_vector(const Point& point, const Vector& v) const override;

  const MultiSoftmaxData& data() const { return data_; }
  const MultiSoftmaxOptions& options() const { return options_; }
  bool is_normalised() const { return options_.normalisation != Normalisation::none; }
  const std::vector<AttentionTile>& tiles() const { return tiles_; }
  /// What the tiles of a pass at X read. Local; it must not outlive this.
  MultiSoftmaxInputs inputs_at(const Matrix& x) const;

  /// A₁ᵀW²A₁ over all ranks' rows and A₂ᵀA₂, the factors of the weighted regulariser's Hessian; empty
  /// without weights.
  const Matrix& query_gram() const { return query_gram_; }
  const Matrix& key_gram() const { return key_gram_; }

 private:
  template <class F>
  void for_each_tile(const MultiSoftmaxPoint& point, F&& f) const;
  std::unique_ptr<Point> evaluate(const Vector& theta, bool with_gradient) const;
  Matrix matrix_of(const Vector& theta) const;
  std::string obstacle_in(const MultiSoftmaxInputs& inputs, const MultiSoftmaxRows& rows) const;
  Objective objective_of(const Matrix& x, const MultiSoftmaxRows& rows) const;
  Matrix regulariser_times(const Matrix& x) const;
  void project(const MultiSoftmaxPoint& point) const;

  Communicator comm_;
  MultiSoftmaxData data_;
  MultiSoftmaxOptions options_;
  AttentionOperands<double> keys_;
  std::vector<AttentionTile> tiles_;
  Vector target_squared_;  // ‖b_j‖² of the local rows
  double target_norm_squared_ = 0;
  Matrix query_gram_;
  Matrix key_gram_;
};

}  // namespace attnewton
