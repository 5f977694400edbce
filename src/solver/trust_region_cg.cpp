#include "attnewton/solver/trust_region_cg.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace attnewton {
namespace {

// The τ > 0 with start + 2 τ cross + τ² direction = norm², start < norm², without cancellation.
double length_to_norm(double start, double cross, double direction, double norm) {
  const double room = std::max(0.0, norm * norm - start);
  const double root = std::sqrt(cross * cross + direction * room);
  return cross > 0 ? room / (cross + root) : (root - cross) / direction;
}

}  // namespace

CgPath::CgPath(const Vector& gradient, const CgOperators& operators, const CgLimits& limits) {
  const auto shifted = Eigen::seqN(0, operators.shifted);
  Vector step = Vector::Zero(gradient.size());
  Vector times_step = step;     // H s
  Vector residual = -gradient;  // −g − (H + D) s
  Vector solved = operators.solve_m(residual);
  Vector direction = solved;
  double residual_solved = residual.dot(solved);
  const double enough = limits.relative_residual * gradient.norm();
  // M-norms by recurrence, from p₀ = M⁻¹r₀ and rᵀp = 0 for later r (Conn, Gould and Toint 2000, §7.5.1).
  double start_squared = 0;
  double cross = 0;
  double direction_squared = residual_solved;
  while (products_ < limits.most_products && residual_solved > 0) {
    Vector product = operators.times_h(direction);
    ++products_;
    const double curvature = direction.dot(product);
    const double squares = direction(shifted).squaredNorm();
    const double damped = curvature + operators.shift * squares;
    if (!(damped > 0)) {
      end_ = CgEnd::negative_curvature;
      lack_of_curvature_ = squares > 0 ? -damped / squares : 0;
      return;
    }
    const double length = residual_solved / damped;
    segments_.push_back({direction, length, direction.dot(gradient + times_step), curvature, start_squared,
                         cross, direction_squared});
    start_squared = segments_.back().norm_squared(length);
    step += length * direction;
    times_step += length * product;
    product(shifted) += operators.shift * direction(shifted);
    residual -= length * product;
    if (residual.norm() <= enough) {
      end_ = CgEnd::converged;
      return;
    }
    solved = operators.solve_m(residual);
    const double next = residual.dot(solved);
    const double beta = next / residual_solved;
    cross = beta * (cross + length * direction_squared);
    direction_squared = next + beta * beta * direction_squared;
    direction = solved + beta * direction;
    residual_solved = next;
  }
}

CgStep CgPath::end_step() const {
  return step_of_norm(std::numeric_limits<double>::infinity());
}

CgStep CgPath::step_of_norm(double norm) const {
  CgStep result;
  for (const Segment& segment : segments_) {
    if (result.step.size() == 0) result.step = Vector::Zero(segment.direction.size());
    const bool is_last = segment.norm_squared(segment.length) >= norm * norm;
    const double length =
        is_last ? length_to_norm(segment.start_squared, segment.cross, segment.direction_squared, norm)
                : segment.length;
    result.step += length * segment.direction;
    result.predicted -= length * (segment.slope + 0.5 * length * segment.curvature);
    result.norm = std::sqrt(segment.norm_squared(length));
    if (is_last) break;
  }
  return result;
}

}  // namespace attnewton
