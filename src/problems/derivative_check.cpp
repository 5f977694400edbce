#include "attnewton/problems/derivative_check.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "attnewton/core/error.hpp"
#include "attnewton/random/stream.hpp"

namespace attnewton {
namespace {

// A random direction of unit 2-norm.
Vector direction(Index unknowns, std::uint64_t seed, Index number) {
  const RandomStream stream(seed, RandomPurpose::directions, static_cast<std::uint64_t>(number));
  Vector v(unknowns);
  for (Index i = 0; i < unknowns; ++i) v[i] = stream.normal(i);
  return v.normalized();
}

// Loss and gradient at the four points of the fourth-order central difference
// f′ ≈ (f(−2h) − 8 f(−h) + 8 f(h) − f(2h)) / 12h.
struct Differences {
  double loss = 0;
  Vector gradient;
};

Differences differences_along(const Problem& problem, const Vector& theta, const Vector& v, double h) {
  constexpr struct {
    double steps;
    double weight;
  } stencil[] = {{-2, 1}, {-1, -8}, {1, 8}, {2, -1}};
  Differences sum{0, Vector::Zero(theta.size())};
  for (const auto& node : stencil) {
    const auto point = problem.evaluate_fully(theta + node.steps * h * v, Precision::full);
    if (!point->objective().is_finite()) {
      throw NumericalError("the objective is not finite a difference step from the point: " +
                           point->obstacle());
    }
    sum.loss += node.weight / (12 * h) * point->objective().loss;
    sum.gradient += node.weight / (12 * h) * problem.gradient(*point);
  }
  return sum;
}

double relative_error(const Vector& a, const Vector& b, double floor) {
  return (a - b).norm() / std::max({a.norm(), b.norm(), floor});
}

}  // namespace

DerivativeErrors check_derivatives(const Problem& problem, const Vector& theta,
                                   const std::function<Vector(const Vector&)>& assembled,
                                   const DerivativeCheckOptions& options) {
  const auto point = problem.evaluate(theta);
  if (!point->objective().is_finite()) {
    throw NumericalError("the objective is not finite at the point to check: " + point->obstacle());
  }
  const Vector gradient = problem.gradient(*point);
  const double h = options.step * (1 + theta.cwiseAbs().maxCoeff());
  // Differences cannot tell a slope below the loss' own rounding; near a stationary point that is all there
  // is.
  constexpr double roundings = 1e6;
  const double floor =
      roundings * std::numeric_limits<double>::epsilon() * std::abs(point->objective().loss) / h;

  DerivativeErrors errors;
  for (Index k = 0; k < options.directions; ++k) {
    const Vector v = direction(theta.size(), options.seed, k);
    const Differences measured = differences_along(problem, theta, v, h);
    const Vector product = problem.hessian_vector(*point, v);
    const double slope = gradient.dot(v);
    const double typical_slope = gradient.norm() * v.norm() / std::sqrt(static_cast<double>(theta.size()));
    const double change_of_slope = h * std::abs(v.dot(product));  // all there is at a stationary point
    errors.gradient =
        std::max(errors.gradient, std::abs(slope - measured.loss) /
                                      std::max({std::abs(slope), typical_slope, change_of_slope, floor}));
    errors.hessian_vector =
        std::max(errors.hessian_vector, relative_error(product, measured.gradient, floor));
    if (assembled) {
      errors.assembled_hessian =
          std::max(errors.assembled_hessian, relative_error(assembled(v), measured.gradient, floor));
    }
  }
  return errors;
}

}  // namespace attnewton
