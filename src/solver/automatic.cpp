#include "attnewton/solver/automatic.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace attnewton {
namespace {

// Damped Newton needs a dozen steps where L-BFGS needs hundreds: below this cost of a Hessian it is not worth
// while to begin with anything else.
constexpr double cheap_newton = 8;

// L-BFGS steps that its rate is taken over.
constexpr std::size_t window = 50;

// L-BFGS steps in a row without progress that say as much before so many are known; fewer than its patience,
// at whose end the solve would stop.
constexpr Index idle_steps = 15;

// What Newton–CG is predicted to take from within the basin: so many preconditioners, and steps of so many
// evaluations (a Hessian–vector product is one and a half).
constexpr double preconditioners_to_come = 3;
constexpr double newton_evaluations_to_come = 80;

}  // namespace

Automatic::Automatic(Lbfgs& lbfgs, NewtonCg& newton_cg, DampedNewton& newton, const AutomaticOptions& options)
    : lbfgs_(lbfgs),
      newton_cg_(newton_cg),
      newton_(newton),
      options_(options),
      stage_(options.newton_cost <= cheap_newton ? Stage::newton : Stage::lbfgs) {}

StepMethod& Automatic::method() const {
  if (stage_ == Stage::lbfgs) return lbfgs_;
  if (stage_ == Stage::newton_cg) return newton_cg_;
  return newton_;
}

double Automatic::evaluations_to_come() const {
  const Mark& then = marks_.front();
  const Mark& now = marks_.back();
  const double fall = std::log(then.relative_gradient / now.relative_gradient);
  if (!(fall > 0)) return std::numeric_limits<double>::infinity();
  const double left = std::log(now.relative_gradient / std::max(options_.tolerance, 1e-16));
  return left / fall * static_cast<double>(now.evaluations - then.evaluations);
}

bool Automatic::is_hand_over_due(const Iterate& iterate) const {
  if (iterate.steps_without_progress() >= idle_steps) return true;
  return marks_.size() > window &&
         evaluations_to_come() >
             preconditioners_to_come * options_.preconditioner_cost + newton_evaluations_to_come;
}

void Automatic::hand_over(Stage next, const Iterate& iterate) {
  stage_ = next;
  idle_before_ = iterate.steps_without_progress();
}

std::optional<Step> Automatic::find_step(Iterate& iterate, IterationRecord& record) {
  if (stage_ == Stage::lbfgs && is_hand_over_due(iterate)) hand_over(Stage::newton_cg, iterate);
  while (true) {
    auto step = method().find_step(iterate, record);
    if (step || stage_ == Stage::newton) return step;
    hand_over(stage_ == Stage::lbfgs ? Stage::newton_cg : Stage::newton, iterate);
  }
}

void Automatic::after_step(const Iterate& iterate, double ratio) {
  method().after_step(iterate, ratio);
  if (iterate.steps_without_progress() == 0) idle_before_ = 0;
  if (stage_ != Stage::lbfgs) return;
  evaluations_ += lbfgs_.last_evaluations();
  const double least = marks_.empty() ? 1 : marks_.back().relative_gradient;
  marks_.push_back({evaluations_, std::min(least, iterate.relative_gradient())});
  if (marks_.size() > window + 1) marks_.pop_front();
}

}  // namespace attnewton
