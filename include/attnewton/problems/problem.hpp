// What the solver knows of a problem: a smooth objective over θ, spread over the ranks of a communicator.
#pragma once

#include <cmath>
#include <memory>
#include <string>
#include <utility>

#include "attnewton/core/types.hpp"
#include "attnewton/parallel/communicator.hpp"

namespace attnewton {

/// The objective at a point.
struct Objective {
  double loss = 0;               ///< the whole objective
  double data_loss = 0;          ///< without regulariser: ½‖residual‖²
  double relative_residual = 0;  ///< ‖residual‖ / ‖target‖

  bool is_finite() const { return std::isfinite(loss); }
};

/// Arithmetic of a problem.
enum class Precision {
  full,   ///< double throughout
  mixed,  ///< the many small products and elementary functions in float, long sums and linear algebra in
          ///< double
};

/// As --precision spells it: "double" or "mixed".
inline const char* to_string(Precision precision) {
  return precision == Precision::mixed ? "mixed" : "double";
}

/// Which second derivatives a Hessian consists of.
enum class HessianForm {
  exact,         ///< all
  gauss_newton,  ///< without those of the residual: JᵀJ and the regulariser, never negative
};

/// As --hessian spells it: "exact" or "gauss-newton".
inline const char* to_string(HessianForm form) {
  return form == HessianForm::exact ? "exact" : "gauss-newton";
}

/// A point θ that a problem was evaluated at. Problems derive from it to keep what their derivatives can use
/// again.
class Point {
 public:
  /// `obstacle`: why the objective is not finite, and how to mend it; empty when it is.
  Point(Vector theta, const Objective& objective, std::string obstacle = {})
      : theta_(std::move(theta)), objective_(objective), obstacle_(std::move(obstacle)) {}
  virtual ~Point() = default;
  Point(const Point&) = delete;
  Point& operator=(const Point&) = delete;

  const Vector& theta() const { return theta_; }
  const Objective& objective() const { return objective_; }
  const std::string& obstacle() const { return obstacle_; }
  /// What second derivatives at this point are computed in.
  Precision curvature() const { return curvature_; }
  void set_curvature(Precision precision) { curvature_ = precision; }

 private:
  Vector theta_;
  Objective objective_;
  std::string obstacle_;
  Precision curvature_ = Precision::full;
};

/// A twice differentiable function of θ ∈ R^unknowns. θ, gradients and products are whole on every rank and
/// the same there; every function but unknowns() is collective on comm().
class Problem {
 public:
  virtual ~Problem() = default;

  virtual const Communicator& comm() const = 0;
  virtual Index unknowns() const = 0;

  /// The unknowns in which the objective is not known to be convex, given the others: the first so many of θ.
  /// Damping shifts these alone; in the rest the objective is a convex quadratic, whose Newton step needs no
  /// damping.
  virtual Index damped_unknowns() const { return unknowns(); }

  /// The objective at θ. A θ outside the problem's domain gives a point whose objective is not finite: a
  /// trial step to it is one to reject. Throws NumericalError only for what no step can mend.
  virtual std::unique_ptr<Point> evaluate(const Vector& theta) const = 0;

  /// evaluate() for a point whose gradient is sure to be asked for: makes it ready in the same pass, where
  /// that saves work.
  virtual std::unique_ptr<Point> evaluate_with_gradient(const Vector& theta) const { return evaluate(theta); }

  /// What evaluate(), gradient() and second derivatives are computed in.
  virtual Precision precision() const { return Precision::full; }

  /// evaluate() with objective and gradient in full precision, whatever precision() is; second derivatives at
  /// the point in `curvature`, if the problem has it and float carries them there. A Newton step from mixed
  /// curvature is refined by the exact gradient at its end.
  virtual std::unique_ptr<Point> evaluate_fully(const Vector& theta, Precision /*curvature*/) const {
    return evaluate(theta);
  }

  /// ∇ of the objective at a point that this problem evaluated.
  virtual Vector gradient(const Point& point) const = 0;

  /// ∇² of the objective at the point, times v, without forming ∇².
  virtual Vector hessian_vector(const Point& point, const Vector& v) const = 0;
};

}  // namespace attnewton
