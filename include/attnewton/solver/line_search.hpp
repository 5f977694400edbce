// Line search for the strong Wolfe conditions (Nocedal and Wright, algorithms 3.5 and 3.6).
#pragma once

#include <functional>
#include <optional>

#include "attnewton/core/types.hpp"

namespace attnewton {

struct LineSearchOptions {
  double sufficient_decrease = 1e-4;  ///< c₁ of φ(α) ≤ φ(0) + c₁ α φ′(0)
  double curvature = 0.9;             ///< c₂ of |φ′(α)| ≤ c₂ |φ′(0)|
  Index most_trials = 40;
};

/// φ and φ′ at a step length. A value that is not finite: outside the domain.
struct LineValue {
  double value = 0;
  double slope = 0;
};

/// A step length that satisfies the conditions; none if no trial did. `evaluate` is called at each trial
/// length, last at the one returned. Where |φ(α) − φ(0)| is below `rounding`, slopes stand for values: the
/// approximate Wolfe conditions of Hager and Zhang (2005), (2c₁ − 1)φ′(0) ≥ φ′(α) ≥ c₂φ′(0). `start` has
/// φ(0) and φ′(0) < 0; `first` is the first length tried.
std::optional<double> search_line(const std::function<LineValue(double)>& evaluate, const LineValue& start,
                                  double first, double rounding, const LineSearchOptions& options);

}  // namespace attnewton
