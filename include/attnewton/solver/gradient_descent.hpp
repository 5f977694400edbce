// Gradient descent with momentum (Polyak's heavy ball), kept monotone.
#pragma once

#include <optional>

#include "attnewton/solver/step_method.hpp"

namespace attnewton {

struct GradientDescentOptions {
  double momentum = 0.99;  ///< β ∈ [0, 1): θ⁺ = θ − η g + β (θ − θ⁻)
  /// A Lipschitz constant L of the gradient, > 0: every step is η = 1/L, with which a step without momentum
  /// lowers the loss by ‖g‖²/(2L) at least. None: η is found by backtracking.
  std::optional<double> lipschitz_constant;
  /// Backtracking: η of the first trial makes the loss of a first-order model vanish (at least 1/(2L) of a
  /// convex loss ≥ 0), that of later ones is `growth` times the last; it is cut by `cut` until loss ≤ that
  /// before − `decrease` · η‖g‖². A cut ends the momentum, so cuts must be many steps of 1/(1 − β) apart:
  /// the growth is slow.
  double growth = 1.005;
  double cut = 0.5;
  double decrease = 1e-4;
  Index most_trials = 60;
};

/// Steps θ⁺ = θ − η g + β (θ − θ⁻) that never raise the loss: where the momentum's step would, it is dropped,
/// and the step is −η g (adaptive restart: O'Donoghue and Candès 2015). Cost of a step: an evaluation with
/// gradient, one more after a restart, and one a trial that backtracking cuts.
class GradientDescent : public StepMethod {
 public:
  /// Throws UsageError for a momentum outside [0, 1) or a constant that is not a positive number.
  explicit GradientDescent(const GradientDescentOptions& options);

  std::optional<Step> find_step(Iterate& iterate, IterationRecord& record) override;
  Index patience() const override;
  /// Never: its steps are made of gradients, which are in double.
  bool can_refine(const Iterate& /*iterate*/) const override { return false; }
  std::string obstacle() const override;

  /// η of the last step.
  double step_length() const { return length_; }

 private:
  std::optional<Step> try_step(const Iterate& iterate, const Vector& step, double wanted,
                               IterationRecord& record) const;
  double first_length(const Iterate& iterate) const;

  GradientDescentOptions options_;
  double length_ = 0;
  Vector last_step_;  // θ − θ⁻; empty at the start and after a restart that found no other way
};

}  // namespace attnewton
