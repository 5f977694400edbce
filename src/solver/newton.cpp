#include "attnewton/solver/newton.hpp"

#include <cmath>
#include <memory>

#include <fmt/format.h>

namespace attnewton {
namespace {

// Entries of a Hessian in mixed precision are wrong by about this share of its mean diagonal, where logits
// are moderate; a shift that is larger hides that.
constexpr double noise_of_mixed_hessian = 1e-5;

// Below such a shift mixed precision still does while each step takes this much off the gradient, or more
// than the step before.
constexpr double fast_gradient_gain = 0.1;

// With a rough Hessian steps converge linearly or unevenly, and progress is judged with more patience.
constexpr Index patience_with_rough_hessian = 10;

}  // namespace

std::optional<Step> DampedNewton::find_step(Iterate& iterate, IterationRecord& record) {
  record.method = "newton";
  if (is_held_up_by_precision(iterate)) refine(iterate);
  record.curvature = iterate.point().curvature();
  update_hessian(iterate);
  auto step = find_acceptable_step(iterate, record);
  if (!step && iterate.can_refine()) {
    refine(iterate);
    record.curvature = iterate.point().curvature();
    update_hessian(iterate);
    step = find_acceptable_step(iterate, record);
  }
  return step;
}

void DampedNewton::update_hessian(const Iterate& iterate) {
  hessian_.update(iterate.point(), iterate.progress());
  if (!damping_) damping_.emplace(options_, hessian_.mean_abs_diagonal());
  damping_->limit_to(shift_limit_);
  shift_limit_ = std::numeric_limits<double>::infinity();
}

// The step of the smallest shift tried that Cholesky and the decrease of the loss accept; none if no shift
// will do.
std::optional<Step> DampedNewton::find_acceptable_step(const Iterate& iterate, IterationRecord& record) {
  if (!std::isfinite(hessian_.mean_abs_diagonal())) return std::nullopt;
  const Index factored_before = record.factorisations;
  const Index tried_before = record.trials;
  for (Index tried = 0; tried < options_.max_trials; ++tried) {
    record.damping = damping_->shift();
    const bool is_definite = hessian_.factor(damping_->shift());
    record.factorisations = factored_before + hessian_.factorisations();
    if (!is_definite) {
      if (is_indefinite_by_rounding(iterate)) return std::nullopt;
      damping_->raise_for_indefinite();
      continue;
    }
    ++record.trials;
    Step trial = try_step(iterate);
    if (damping_->accepts(trial.ratio)) {
      was_definite_at_once_ = record.factorisations - factored_before == record.trials - tried_before;
      return trial;
    }
    damping_->raise_for_rejection();
  }
  return std::nullopt;
}

Step DampedNewton::try_step(const Iterate& iterate) const {
  const Vector& g = iterate.gradient();
  const Vector step = -hessian_.solve(g);
  // (H + D) step = −g, so −gᵀstep − ½ stepᵀH step is this.
  const double damped_squares = step.head(iterate.problem().damped_unknowns()).squaredNorm();
  const double predicted = -0.5 * g.dot(step) + 0.5 * damping_->shift() * damped_squares;
  return iterate.try_step(step, predicted, judgement(iterate));
}

// Whether a step that the shift did not hold back would show: what cannot be told from none is then the
// shift's doing, not the solution's.
SmallSteps DampedNewton::judgement(const Iterate& iterate) const {
  const double curvature = static_cast<double>(iterate.problem().unknowns()) * hessian_.mean_abs_diagonal();
  const bool is_held_back_by_shift =
      damping_->shift() > hessian_.mean_abs_diagonal() &&
      0.5 * iterate.gradient_norm() * iterate.gradient_norm() > iterate.rounding_of_loss() * curvature;
  if (is_held_back_by_shift) return SmallSteps::refuse;
  return hessian_.is_rough() ? SmallSteps::judge_by_gradient : SmallSteps::trust;
}

void DampedNewton::after_step(const Iterate& iterate, double ratio) {
  damping_->adapt_after(ratio, iterate.last_gradient_gain());
}

Index DampedNewton::patience() const {
  return hessian_.is_rough() ? patience_with_rough_hessian : StepMethod::patience();
}

std::string DampedNewton::obstacle() const {
  return fmt::format("no shift of the Hessian among {} gave a step that lowers the loss",
                     options_.max_trials);
}

// The shift starts anew with the Hessian in double, not above the one that mixed precision had come to.
void DampedNewton::refine(Iterate& iterate) {
  if (damping_) shift_limit_ = damping_->shift();
  damping_.reset();
  iterate.refine();
}

bool DampedNewton::does_shift_hide_rounding() const {
  return damping_->shift() > noise_of_mixed_hessian * hessian_.mean_abs_diagonal();
}

// Whether the Hessian's own rounding, in mixed precision, is what holds the solve up.
bool DampedNewton::is_held_up_by_precision(const Iterate& iterate) const {
  if (!iterate.can_refine() || !damping_) return false;
  const double gain = iterate.last_gradient_gain();
  const bool is_fast = gain <= fast_gradient_gain || gain < iterate.gradient_gain_before();
  return iterate.steps_without_progress() >= patience() || (!does_shift_hide_rounding() && !is_fast);
}

// A Hessian in mixed precision after one that needed no shift for being definite, and under a shift that is
// less than its rounding.
bool DampedNewton::is_indefinite_by_rounding(const Iterate& iterate) const {
  return iterate.can_refine() && was_definite_at_once_ && !does_shift_hide_rounding();
}

SolveSummary minimise_by_newton(const Problem& problem, const HessianModel& hessian, const Vector& start,
                                const NewtonOptions& options, std::span<IterationObserver* const> observers) {
  // Borrowed: the caller's model outlives the solve.
  const std::shared_ptr<const HessianModel> borrowed(std::shared_ptr<void>(), &hessian);
  const auto assembled = make_assembled_hessian(problem, borrowed);
  DampedNewton newton(*assembled, options.damping);
  return minimise(problem, newton, start, options, observers);
}

}  // namespace attnewton
