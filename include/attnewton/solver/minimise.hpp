// The minimisation loop that every method shares.
#pragma once

#include <functional>
#include <limits>
#include <span>

#include "attnewton/solver/step_method.hpp"

namespace attnewton {

struct MinimiseOptions {
  double tolerance = 1e-8;  ///< converged when ‖g‖ ≤ tolerance ‖g₀‖
  Index max_iterations = 100;
  /// The solve ends before an iteration that would pass this, if it takes as long as the one before.
  double time_limit_seconds = std::numeric_limits<double>::infinity();
  /// Asked on every rank before each iteration: the solve stops in good order when any rank says yes. May be
  /// empty.
  std::function<bool()> stop_requested = {};
};

/// Minimises `problem` from θ₀ by the steps of `method`. Collective on the problem's communicator. A start
/// outside the domain throws NumericalError; later failures end in the summary.
SolveSummary minimise(const Problem& problem, StepMethod& method, const Vector& start,
                      const MinimiseOptions& options, std::span<IterationObserver* const> observers);

}  // namespace attnewton
