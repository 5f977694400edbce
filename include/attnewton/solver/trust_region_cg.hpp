// Preconditioned conjugate gradients whose iterates can be cut back (Steihaug 1983; Toint 1981).
#pragma once

#include <functional>
#include <vector>

#include "attnewton/core/types.hpp"

namespace attnewton {

/// When conjugate gradients stop.
struct CgLimits {
  double relative_residual = 0.5;  ///< ‖(H + D) s + g‖₂ ≤ this · ‖g‖₂
  Index most_products = 1000;
};

/// Why they stopped.
enum class CgEnd { converged, negative_curvature, products };

/// The system: H + D with D = shift on the first `shifted` unknowns, and the preconditioner M ≻ 0.
struct CgOperators {
  std::function<Vector(const Vector&)> times_h;  ///< H v
  std::function<Vector(const Vector&)> solve_m;  ///< M⁻¹ v
  double shift = 0;
  Index shifted = 0;
};

/// A step on the path and what the quadratic model says of it.
struct CgStep {
  Vector step;
  double predicted = 0;  ///< −gᵀs − ½sᵀHs, without the shift
  double norm = 0;       ///< ‖s‖_M
};

/// The piecewise linear path of the iterates s₀ = 0, s₁, … of conjugate gradients on (H + D) s = −g
/// preconditioned by M. Along it ‖s‖_M rises and the model falls, so that a step of any smaller norm lies on
/// it too and costs no further product. Memory: a vector a product.
class CgPath {
 public:
  /// Runs until the residual is small or a direction p has pᵀ(H + D)p ≤ 0, which the path does not take. Cost
  /// a product and a solve an iterate.
  CgPath(const Vector& gradient, const CgOperators& operators, const CgLimits& limits);

  /// The path's end.
  CgStep end_step() const;
  /// Where ‖s‖_M first is `norm`, or the end.
  CgStep step_of_norm(double norm) const;

  CgEnd end() const { return end_; }
  Index products() const { return products_; }
  /// −pᵀ(H + D)p / pᵀp over the shifted unknowns, of the direction that ended the path: what the shift lacks.
  double lack_of_curvature() const { return lack_of_curvature_; }

 private:
  // From s_k along p_k: s_k + τ p_k, 0 ≤ τ ≤ length.
  struct Segment {
    Vector direction;
    double length;
    double slope;              // p_kᵀ(g + H s_k)
    double curvature;          // p_kᵀHp_k
    double start_squared;      // ‖s_k‖²_M
    double cross;              // s_kᵀ M p_k
    double direction_squared;  // ‖p_k‖²_M

    double norm_squared(double tau) const {
      return start_squared + tau * (2 * cross + tau * direction_squared);
    }
  };

  std::vector<Segment> segments_;
  CgEnd end_ = CgEnd::products;
  Index products_ = 0;
  double lack_of_curvature_ = 0;
};

}  // namespace attnewton
