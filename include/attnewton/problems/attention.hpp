// One attention layer as a problem in X and Y, or in X alone with Y eliminated (MATHEMATICS §1 and §7).
#pragma once

#include <vector>

#include "attnewton/linalg/blas.hpp"
#include "attnewton/problems/attention_data.hpp"
#include "attnewton/problems/attention_regulariser.hpp"
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

  Matrix x;         ///< d₁ × d₂
  Matrix y;         ///< d₃ × e
  Matrix mixed;     ///< T = F A₃, n_local × d₃
  Matrix residual;  ///< C = T Y − B, n_local × e
  Matrix gram_y;    ///< K_y = TᵀT + regulariser, d₃ × d₃, summed over ranks
  Matrix factor_y;  ///< its lower Cholesky factor
};

class AttentionProblem : public Problem {
 public:
  /// `data` is this rank's share. Throws DataError if the shapes do not fit. Collective on `comm`.
  AttentionProblem(const Communicator& comm, AttentionData data, const RegulariserOptions& regulariser,
                   AttentionVariables variables);

  const Communicator& comm() const override { return comm_; }
  Index unknowns() const override;
  /// X: in Y the objective is a convex quadratic.
  Index damped_unknowns() const override { return unknowns_x(); }
  /// Cost 2 products of size n·m·d and one exponential per unmasked entry; one reduction of d₃² + d₃e
  /// numbers.
  std::unique_ptr<Point> evaluate(const Vector& theta) const override;
  /// Lemmas 5.3–5.5 of 2309.07418. Cost 4 products of size n·m·d; one reduction.
  Vector gradient(const Point& point) const override;
  /// MATHEMATICS §1, "Hessian–vector product"; with projected variables H_xx v − H_xy (K_y⁻¹⊗I) H_yx v, which
  /// takes two of them. Cost about 9 products of size n·m·d each.
  Vector hessian_vector(const Point& point, const Vector& v) const override;

  const AttentionData& data() const { return data_; }
  const std::vector<AttentionTile>& tiles() const { return tiles_; }
  const AttentionRegulariser& regulariser() const { return regulariser_; }
  AttentionVariables variables() const { return variables_; }
  Index unknowns_x() const { return data_.query_width() * data_.key_width(); }
  Index unknowns_y() const { return data_.value_width() * data_.output_width(); }

  /// θ of given X and Y (Y is not used when it is projected).
  Vector theta_of(const Matrix& x, const Matrix& y) const;
  /// Y of least loss at X: K_y Y = TᵀB. Collective. Throws NumericalError if K_y is singular.
  Matrix least_squares_y(const Matrix& x) const;

 private:
  struct Direction {
    Matrix x;  // in X: d₁ × d₂
    Matrix y;  // in Y: d₃ × e
  };
  struct NormalEquations {
    Matrix gram;   // K_y
    Matrix cross;  // TᵀB
  };
  NormalEquations normal_equations(const Matrix& mixed) const;
  Matrix agreed_factor(const Matrix& gram) const;
  Objective objective_of(const Matrix& x, const Matrix& y, const Matrix& residual) const;
  Direction hessian_times(const AttentionPoint& point, const Matrix& dx, const Matrix& dy) const;

  Communicator comm_;
  AttentionData data_;
  std::vector<AttentionTile> tiles_;
  AttentionRegulariser regulariser_;
  AttentionVariables variables_;
  double target_norm_squared_ = 0;
};

}  // namespace attnewton
