// How a solve makes its steps: the part in which Newton's method, Newton–CG and L-BFGS differ.
#pragma once

#include <optional>
#include <string>

#include "attnewton/solver/iterate.hpp"
#include "attnewton/solver/iteration.hpp"

namespace attnewton {

/// Finds steps for minimise(). Lives for one solve. Collective on the problem's communicator.
class StepMethod {
 public:
  virtual ~StepMethod() = default;

  /// A step from the iterate that lowers the objective; none if the method knows none. Fills in what the
  /// record says of the step: method, damping, trials, factorisations, products, precision.
  virtual std::optional<Step> find_step(Iterate& iterate, IterationRecord& record) = 0;

  /// The step that find_step() gave was taken, with this actual/predicted decrease.
  virtual void after_step(const Iterate& /*iterate*/, double /*ratio*/) {}

  /// Steps in a row that show no progress before the solve ends as one at rounding.
  virtual Index patience() const { return 2; }

  /// Whether steps that show no progress may owe that to second derivatives in mixed precision.
  virtual bool can_refine(const Iterate& iterate) const { return iterate.can_refine(); }

  /// Why the last find_step() gave none: a clause.
  virtual std::string obstacle() const = 0;
};

}  // namespace attnewton
