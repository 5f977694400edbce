// One attention layer as a problem in X and Y, or in X alone with Y eliminated (MATHEMATICS §1 and §7).
#pragma once

#include <optional>
#include <type_traits>
#include <vector>

#include "attnewton/linalg/blas.hpp"
#include "attnewton/problems/attention_data.hpp"
#include "attnewton/problems/attention_regulariser.hpp"
#include "attnewton/problems/attention_stream.hpp"
#include "attnewton/problems/problem.hpp"

namespace attnewton {

/// Which variables θ holds.
enum class AttentionVariables {
  projected,  ///< vec X; Y = argmin of L(X, ·) at every point (variable projection)
  joint,      ///< vec X, then vec Y
};

/// A point of an attention problem: X, Y and what forward and backward passes share.
class AttentionPoint : public Point {
 public:
  using Point::Point;

  Matrix x;                            ///< d₁ × d₂
  Matrix y;                            ///< d₃ × e
  Precision values = Precision::full;  ///< of objective and gradient
  AttentionForward at;  ///< T, C and log_sum of the local rows; P A₂ if the gradient was prepared
  Matrix gram_y;  ///< K_y = TᵀT + regulariser, d₃ × d₃, summed over ranks; empty if not needed so far
  Matrix factor_y;  ///< its lower Cholesky factor, likewise
};

/// Largest absolute entries of the inputs.
struct InputMagnitudes {
  double queries = 0;
  double keys = 0;
  double values = 0;
};

class AttentionProblem : public Problem {
 public:
  /// `data` is this rank's share. Throws DataError if the shapes do not fit. Collective on `comm`.
  AttentionProblem(const Communicator& comm, AttentionData data, const RegulariserOptions& regulariser,
                   AttentionVariables variables, Precision precision = Precision::full);
  AttentionProblem(const AttentionProblem&) = delete;
  AttentionProblem& operator=(const AttentionProblem&) = delete;

  const Communicator& comm() const override { return comm_; }
  Index unknowns() const override;
  /// X: in Y the objective is a convex quadratic.
  Index damped_unknowns() const override { return unknowns_x(); }
  /// Cost 2 products of size n·m·d and one exponential per unmasked entry; one reduction of d₃² + d₃e
  /// numbers.
  std::unique_ptr<Point> evaluate(const Vector& theta) const override;
  /// Cost 4 products of size n·m·d for joint variables, in one pass over the scores (5 where a tile's
  /// exponentials are too many to keep, and 5 for projected ones, whose C is known only after all rows). With
  /// joint variables K_y is not looked at: a singular one, at which evaluate() is not finite, goes unseen.
  std::unique_ptr<Point> evaluate_with_gradient(const Vector& theta) const override;
  Precision precision() const override { return precision_; }
  std::unique_ptr<Point> evaluate_fully(const Vector& theta, Precision curvature) const override;
  /// Lemmas 5.3–5.5 of 2309.07418. One reduction. Cost 3 products of size n·m·d unless the point was prepared
  /// for it.
  Vector gradient(const Point& point) const override;
  /// MATHEMATICS §1, "Hessian–vector product"; with projected variables H_xx v − H_xy (K_y⁻¹⊗I) H_yx v. Cost
  /// 7 products of size n·m·d for joint variables (9 where a tile's numbers are too many to keep), 9 for
  /// projected ones.
  Vector hessian_vector(const Point& point, const Vector& v) const override;

  const AttentionData& data() const { return data_; }
  /// The passes in double, or in float: those only of a problem in mixed precision.
  template <class Real>
  const AttentionStream<Real>& stream() const {
    if constexpr (std::is_same_v<Real, double>) {
      return stream_;
    } else {
      return *coarse_stream_;
    }
  }
  const std::vector<AttentionTile>& tiles() const { return stream_.tiles(); }
  const AttentionRegulariser& regulariser() const { return regulariser_; }
  AttentionVariables variables() const { return variables_; }
  Index unknowns_x() const { return data_.query_width() * data_.key_width(); }
  Index unknowns_y() const { return data_.value_width() * data_.output_width(); }

  /// θ of given X and Y (Y is not used when it is projected).
  Vector theta_of(const Matrix& x, const Matrix& y) const;
  /// K_y of a point. Collective.
  Matrix gram_y(const AttentionPoint& point) const;
  /// Lower Cholesky factor of a K_y that every rank has, of all rows or a sample: rank 0's on every rank;
  /// empty if it is singular to working precision on any. Collective.
  Matrix agreed_factor(const Matrix& gram) const;
  /// Y of least loss at X: K_y Y = TᵀB. Collective. Throws NumericalError if K_y is singular.
  Matrix least_squares_y(const Matrix& x) const;

 private:
  struct NormalEquations {
    Matrix gram;   // K_y
    Matrix cross;  // TᵀB
  };
  NormalEquations normal_equations(const Matrix& mixed) const;
  Objective objective_of(const Matrix& x, const Matrix& y, const Matrix& residual) const;
  template <class F>
  auto with_stream(Precision precision, F&& f) const {
    return precision == Precision::mixed ? f(*coarse_stream_) : f(stream_);
  }
  std::unique_ptr<Point> evaluate_in(const Vector& theta, Precision values, Precision curvature) const;
  std::unique_ptr<AttentionPoint> point_of(const Vector& theta, const Matrix& y, AttentionForward at) const;
  Matrix pulled_back(const AttentionPoint& point) const;
  InputMagnitudes magnitudes_of_inputs() const;
  void set_curvature(AttentionPoint& point, Precision wanted) const;
  Matrix x_of(const Vector& theta) const;
  Matrix y_of(const Vector& theta) const;
  Matrix hessian_x_times(const AttentionDirection& d, const Matrix& dx) const;
  Matrix hessian_y_times(const AttentionPoint& point, const AttentionDirection& d, const Matrix& dy) const;

  Communicator comm_;
  AttentionData data_;
  Precision precision_;
  AttentionStream<double> stream_;
  std::optional<AttentionStream<float>> coarse_stream_;  // of mixed precision
  AttentionRegulariser regulariser_;
  AttentionVariables variables_;
  double target_norm_squared_ = 0;
  InputMagnitudes magnitudes_;  // over all ranks; of mixed precision
};

}  // namespace attnewton
