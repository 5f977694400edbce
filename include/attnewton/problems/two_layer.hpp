// The two-layer regression of arXiv 2311.15390 as a problem: softmax, then an elementwise activation
// (MATHEMATICS §2, "Two-layer").
#pragma once

#include "attnewton/linalg/row_matrix.hpp"
#include "attnewton/problems/activation.hpp"
#include "attnewton/problems/problem.hpp"
#include "attnewton/problems/score_regulariser.hpp"

namespace attnewton {

/// This rank's rows of A₁ and the columns of A₂ that meet them.
struct TwoLayerData {
  RowMatrix a1;         ///< n_local × d; n_local may be 0, d is the same on every rank
  Matrix a2;            ///< m × n_local: column i meets row i of a1; m is the same on every rank
  Vector target;        ///< b, m numbers, the same on every rank
  Index first_row = 0;  ///< number of the first local row of A₁ among all: what messages count by
};

struct TwoLayerOptions {
  Activation activation = Activation::relu;
  Vector weights;    ///< w of the local rows; empty: none. On all ranks or on none (but those without rows)
  double ridge = 0;  ///< λ
};

/// A point of a two-layer regression: what its derivatives use again. Outputs are whole on every rank.
class TwoLayerPoint : public Point {
 public:
  using Point::Point;

  Vector scores;         ///< z = A₁ x, local rows
  Vector probabilities;  ///< f = softmax(z), local rows
  Vector slope;          ///< p = J A₂ᵀ(σ′∘r) = ∇_z ½‖r‖², J = diag f − f fᵀ; local rows
  Vector outputs;        ///< y = A₂ f, m
  ActivationValues layer;  ///< σ, σ′ and σ″ at y, m
  Vector residual;         ///< r = σ(y) − b, m
};

/// L(x) = ½‖σ(A₂ softmax(A₁x)) − b‖² + ½‖diag(w) A₁x‖² + ½λ‖x‖² of x ∈ R^d. Softmax is shifted by the
/// maximum over all ranks. Outside its domain (A₁x or the loss overflows) the objective is not finite, and
/// obstacle() says why. With relu the loss has corners, where derivatives are those of the side y ≤ 0, and
/// where all outputs are negative x feels its regulariser alone: a start there goes nowhere.
class TwoLayerProblem : public Problem {
 public:
  /// Throws DataError if shapes do not fit, sparse rows are malformed, a number is not finite or the ranks' b
  /// differ, UsageError for a ridge that makes no sense. Collective on `comm`; cost O(entries).
  TwoLayerProblem(const Communicator& comm, TwoLayerData data, TwoLayerOptions options);
  TwoLayerProblem(const TwoLayerProblem&) = delete;
  TwoLayerProblem& operator=(const TwoLayerProblem&) = delete;

  const Communicator& comm() const override { return comm_; }
  Index unknowns() const override { return data_.a1.columns(); }
  /// With p, which the gradient and all second derivatives take. Cost 4 m n_local flops and twice the entries
  /// of A₁; a reduction of m numbers and some of one.
  std::unique_ptr<Point> evaluate(const Vector& theta) const override;
  /// A₁ᵀ(p + w²∘z) + λx. Cost twice the entries of A₁; one reduction of d numbers.
  Vector gradient(const Point& point) const override;
  /// A₁ᵀ[J A₂ᵀ diag(σ′² + σ″∘r) A₂ J + diag(p) − p fᵀ − f pᵀ + W²]A₁ v + λv. Cost 4 m n_local flops and four
  /// times the entries of A₁; reductions of m, d and 2 numbers.
  Vector hessian_vector(const Point& point, const Vector& v) const override;

  const TwoLayerData& data() const { return data_; }
  const TwoLayerOptions& options() const { return options_; }
  const ScoreRegulariser& regulariser() const { return regulariser_; }

 private:
  Vector outputs_of(const Vector& change) const;
  Vector pulled_through_softmax(const Vector& probabilities, const Vector& outputs,
                                const Vector& by_outputs) const;

  Communicator comm_;
  TwoLayerData data_;
  TwoLayerOptions options_;
  ScoreRegulariser regulariser_;
};

/// σ′² + σ″∘r: ∇² of ½‖r‖² by the outputs y, a diagonal of any sign; m numbers. Local.
Vector curvature_by_outputs(const TwoLayerPoint& point);

}  // namespace attnewton
