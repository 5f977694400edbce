#include "attnewton/solver/iterate.hpp"

#include <cmath>

#include "attnewton/core/error.hpp"
#include "attnewton/core/timing.hpp"

namespace attnewton {
namespace {

// Decreases below this many roundings of the loss cannot be told from none.
constexpr double roundings_of_loss = 64;

}  // namespace

Iterate::Iterate(const Problem& problem, const Vector& start)
    : problem_(problem), wanted_curvature_(problem.precision()) {
  point_ = evaluate(start);
  if (!point_->objective().is_finite()) {
    throw NumericalError("the objective is not finite at the start: " + point_->obstacle());
  }
  gradient_ = gradient_at(*point_);
  gradient_norm_ = gradient_.norm();
  initial_loss_ = point_->objective().loss;
  initial_gradient_norm_ = least_gradient_norm_ = gradient_norm_;
}

double Iterate::relative_gradient() const {
  return initial_gradient_norm_ > 0 ? gradient_norm_ / initial_gradient_norm_ : 0;
}

double Iterate::rounding_of_loss() const {
  const Objective& objective = point_->objective();
  const double unit = roundings_of_loss * std::numeric_limits<double>::epsilon();
  const double residual = objective.relative_residual;
  const double target_squared = residual > 0 ? objective.data_loss / (residual * residual) : 0;
  return unit * std::abs(objective.loss) + unit * unit * target_squared;
}

void Iterate::refine() {
  wanted_curvature_ = Precision::full;
  steps_without_progress_ = 0;
  point_ = evaluate(point_->theta());
}

std::unique_ptr<Point> Iterate::evaluate(const Vector& theta) const {
  const TimingScope timing("evaluate");
  return problem_.evaluate_fully(theta, wanted_curvature_);
}

Vector Iterate::gradient_at(const Point& point) const {
  const TimingScope timing("gradient");
  return problem_.gradient(point);
}

Step Iterate::try_step(const Vector& step, double predicted, SmallSteps small) const {
  Step trial;
  trial.point = evaluate(point_->theta() + step);
  trial.norm = step.norm();
  const Objective& objective = trial.point->objective();
  const double actual = point_->objective().loss - objective.loss;
  if (!objective.is_finite() || !(predicted > 0)) {
    trial.ratio = -1;
    return trial;
  }
  trial.ratio = actual / predicted;
  if (predicted > rounding_of_loss() || std::abs(actual) > rounding_of_loss()) return trial;
  if (small == SmallSteps::refuse) {
    trial.ratio = -1;
    return trial;
  }
  trial.below_rounding = true;
  trial.ratio = 1;
  if (small == SmallSteps::judge_by_gradient) {
    trial.gradient = gradient_at(*trial.point);
    trial.ratio = -0.5 * (gradient_ + *trial.gradient).dot(step) / predicted;
  }
  return trial;
}

void Iterate::take(Step step) {
  const double norm_before = gradient_norm_;
  point_ = std::move(step.point);
  gradient_ = step.gradient ? std::move(*step.gradient) : gradient_at(*point_);
  gradient_norm_ = gradient_.norm();
  gradient_gain_before_ = last_gradient_gain_;
  last_gradient_gain_ = gradient_norm_ / norm_before;
  ++iteration_;
  note_progress(step.below_rounding);
}

void Iterate::note_progress(bool loss_below_rounding) {
  const bool gradient_fell = gradient_norm_ < 0.9 * least_gradient_norm_;
  if (gradient_fell) least_gradient_norm_ = gradient_norm_;
  steps_without_progress_ = loss_below_rounding && !gradient_fell ? steps_without_progress_ + 1 : 0;
}

}  // namespace attnewton
