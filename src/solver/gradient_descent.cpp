#include "attnewton/solver/gradient_descent.hpp"

#include <cmath>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"

namespace attnewton {
namespace {

// Steps without progress that gradient descent is allowed: where it crawls it still moves.
constexpr Index patience_of_descent = 30;

}  // namespace

GradientDescent::GradientDescent(const GradientDescentOptions& options) : options_(options) {
  if (!(options.momentum >= 0 && options.momentum < 1))
    throw UsageError(fmt::format("the momentum must be at least 0 and below 1, not {}", options.momentum));
  const double constant = options.lipschitz_constant.value_or(1);
  if (!(constant > 0) || !std::isfinite(constant))
    throw UsageError(fmt::format("a Lipschitz constant must be a positive number, not {}", constant));
}

std::optional<Step> GradientDescent::find_step(Iterate& iterate, IterationRecord& record) {
  record.method = "gradient-descent";
  record.curvature = iterate.point().curvature();
  const Vector& gradient = iterate.gradient();
  const double squared_norm = gradient.squaredNorm();
  length_ = options_.lipschitz_constant ? 1 / *options_.lipschitz_constant
            : length_ > 0               ? options_.growth * length_
                                        : first_length(iterate);
  for (Index cuts = 0; cuts < options_.most_trials; ++cuts) {
    const Vector plain = -length_ * gradient;
    std::optional<Step> step;
    if (last_step_.size() > 0) step = try_step(iterate, plain + options_.momentum * last_step_, 0, record);
    const double wanted = options_.lipschitz_constant ? 0 : options_.decrease * length_ * squared_norm;
    if (!step) step = try_step(iterate, plain, wanted, record);
    if (step) {
      last_step_ = step->point->theta() - iterate.point().theta();
      return step;
    }
    last_step_.resize(0);
    if (options_.lipschitz_constant) break;
    length_ *= options_.cut;
  }
  return std::nullopt;
}

// The step, if the loss falls by `wanted` at least, as far as its rounding tells.
std::optional<Step> GradientDescent::try_step(const Iterate& iterate, const Vector& step, double wanted,
                                              IterationRecord& record) const {
  ++record.trials;
  const double predicted = -iterate.gradient().dot(step);
  Step trial = iterate.try_step(step, predicted, SmallSteps::trust);
  const double loss = trial.point->objective().loss;
  const double limit = iterate.point().objective().loss - wanted;
  if (!(loss <= limit + (trial.below_rounding ? iterate.rounding_of_loss() : 0))) return std::nullopt;
  return trial;
}

double GradientDescent::first_length(const Iterate& iterate) const {
  const double squared_norm = iterate.gradient().squaredNorm();
  return squared_norm > 0 ? iterate.point().objective().loss / squared_norm : 1;
}

Index GradientDescent::patience() const {
  return patience_of_descent;
}

std::string GradientDescent::obstacle() const {
  if (options_.lipschitz_constant)
    return "a step of the length that the Lipschitz constant gives did not lower the loss";
  return fmt::format("no step among {} along the gradient lowered the loss", options_.most_trials);
}

}  // namespace attnewton
