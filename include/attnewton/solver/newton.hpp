// Damped Newton's method on an assembled Hessian (MATHEMATICS §7).
#pragma once

#include <functional>
#include <limits>
#include <span>

#include "attnewton/curvature/hessian_model.hpp"
#include "attnewton/solver/damping.hpp"
#include "attnewton/solver/iteration.hpp"

namespace attnewton {

struct NewtonOptions {
  double tolerance = 1e-8;  ///< converged when ‖g‖ ≤ tolerance ‖g₀‖
  Index max_iterations = 100;
  /// The solve ends before an iteration that would pass this, if it takes as long as the one before.
  double time_limit_seconds = std::numeric_limits<double>::infinity();
  /// Asked on every rank before each iteration: the solve stops in good order when any rank says yes. May be
  /// empty.
  std::function<bool()> stop_requested;
  DampingOptions damping;
};

/// Minimises `problem` from θ₀: (H + D) step = −g with H from `hessian` and D = μ on the problem's damped
/// unknowns; μ is raised until Cholesky succeeds and the step's actual decrease accepts it, and falls to
/// nothing near the solution. Collective on the problem's communicator. A start outside the domain throws
/// NumericalError; later failures end in the summary.
SolveSummary minimise_by_newton(const Problem& problem, const HessianModel& hessian, const Vector& start,
                                const NewtonOptions& options, std::span<IterationObserver* const> observers);

}  // namespace attnewton
