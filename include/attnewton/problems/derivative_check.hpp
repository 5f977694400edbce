// Derivatives against central differences.
#pragma once

#include <functional>

#include "attnewton/problems/problem.hpp"

namespace attnewton {

struct DerivativeCheckOptions {
  Index directions = 8;  ///< random directions to try
  double step =
      1e-3;  ///< of the fourth-order central difference, relative to 1 + ‖θ‖∞ (direction of unit 2-norm)
  std::uint64_t seed = 1;
};

/// Largest relative errors over the directions.
struct DerivativeErrors {
  double gradient = 0;           ///< gᵀv against differences of the loss
  double hessian_vector = 0;     ///< H v by hessian_vector() against differences of the gradient
  double assembled_hessian = 0;  ///< H v of the assembled Hessian likewise; 0 if none was given
};

/// Compares the derivatives of `problem` at θ with fourth-order central differences along random directions.
/// `assembled` gives (assembled Hessian at θ) v; it may be empty. Collective; 4 evaluations and gradients a
/// direction. Throws NumericalError if the objective is not finite at θ.
DerivativeErrors check_derivatives(const Problem& problem, const Vector& theta,
                                   const std::function<Vector(const Vector&)>& assembled,
                                   const DerivativeCheckOptions& options);

}  // namespace attnewton
