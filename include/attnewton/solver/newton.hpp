// Damped Newton's method on a factored Hessian (MATHEMATICS §7).
#pragma once

#include "attnewton/curvature/damped_hessian.hpp"
#include "attnewton/solver/damping.hpp"
#include "attnewton/solver/minimise.hpp"

namespace attnewton {

/// Steps (H̃ + D) step = −g with D = μ on the problem's damped unknowns; μ is raised until H̃ + D has a
/// Cholesky factor and the step's actual decrease accepts it, and falls to nothing near the solution.
class DampedNewton : public StepMethod {
 public:
  /// `hessian` must outlive this.
  DampedNewton(DampedHessian& hessian, const DampingOptions& options)
      : hessian_(hessian), options_(options) {}

  std::optional<Step> find_step(Iterate& iterate, IterationRecord& record) override;
  void after_step(const Iterate& iterate, double ratio) override;
  Index patience() const override;
  std::string obstacle() const override;

 private:
  void update_hessian(const Iterate& iterate);
  std::optional<Step> find_acceptable_step(const Iterate& iterate, IterationRecord& record);
  Step try_step(const Iterate& iterate) const;
  void refine(Iterate& iterate);
  bool does_shift_hide_rounding() const;
  bool is_held_up_by_precision(const Iterate& iterate) const;
  bool is_indefinite_by_rounding(const Iterate& iterate) const;
  SmallSteps judgement(const Iterate& iterate) const;

  DampedHessian& hessian_;
  DampingOptions options_;
  std::optional<Damping> damping_;
  double shift_limit_ = std::numeric_limits<double>::infinity();
  bool was_definite_at_once_ = false;
};

struct NewtonOptions : MinimiseOptions {
  DampingOptions damping;
};

/// minimise() by DampedNewton with H̃ from `hessian`, assembled.
SolveSummary minimise_by_newton(const Problem& problem, const HessianModel& hessian, const Vector& start,
                                const NewtonOptions& options, std::span<IterationObserver* const> observers);

}  // namespace attnewton
