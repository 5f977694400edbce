#include "attnewton/solver/newton_cg.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "attnewton/core/timing.hpp"
#include "attnewton/random/stream.hpp"

namespace attnewton {
namespace {

// Bytes that the path of conjugate gradients may take on each rank.
constexpr double most_path_bytes = 512.0 * 1024 * 1024;

// A rejected step is cut back to this share of its length, so often before the shift rises.
constexpr double cut = 0.25;
constexpr Index most_cuts = 2;

// Eisenstat and Walker's choice 2: η = γ (‖g‖/‖g before‖)², not much below the last η squared while that is
// large.
constexpr double forcing_factor = 0.9;
constexpr double forcing_guard = 0.1;

constexpr Index patience_of_inexact_steps = 5;

// Random directions that the size of H's diagonal is estimated with.
constexpr Index probes = 1;

// |tr H|/unknowns by Hutchinson's estimator: vᵀHv over random signs v.
double mean_diagonal(const Iterate& iterate) {
  const Problem& problem = iterate.problem();
  const RandomStream stream(0, RandomPurpose::directions);
  double sum = 0;
  for (Index probe = 0; probe < probes; ++probe) {
    Vector signs(problem.unknowns());
    for (Index i = 0; i < signs.size(); ++i) signs[i] = stream.uniform(i, probe) < 0.5 ? -1 : 1;
    Vector product = problem.hessian_vector(iterate.point(), signs);
    problem.comm().broadcast(product);
    sum += std::abs(signs.dot(product));
  }
  return sum / static_cast<double>(probes * problem.unknowns());
}

}  // namespace

std::optional<Step> NewtonCg::find_step(Iterate& iterate, IterationRecord& record) {
  record.method = "newton-cg";
  if (iterate.can_refine() && iterate.steps_without_progress() >= patience()) refine(iterate);
  auto step = find_acceptable_step(iterate, record);
  if (!step && iterate.can_refine()) {
    refine(iterate);
    damping_.reset();  // what raised it may be the rounding that is gone
    step = find_acceptable_step(iterate, record);
  }
  return step;
}

std::optional<Step> NewtonCg::find_acceptable_step(const Iterate& iterate, IterationRecord& record) {
  record.curvature = iterate.point().curvature();
  begin(iterate, record);
  for (Index tried = 0; tried < options_.damping.max_trials; ++tried) {
    has_preconditioner_ = preconditioner_.prepare(iterate, *damping_, record);
    if (!has_preconditioner_) return std::nullopt;
    record.damping = damping_->shift();
    const CgPath path = conjugate_gradients(iterate, record);
    if (path.end() == CgEnd::negative_curvature) {
      damping_->raise_for_indefinite();
      damping_->raise_to(damping_->shift() + 2 * path.lack_of_curvature());
      continue;
    }
    if (auto step = follow(path, iterate, record)) return step;
    damping_->raise_for_rejection();
  }
  return std::nullopt;
}

void NewtonCg::begin(const Iterate& iterate, IterationRecord& record) {
  if (!damping_) {
    damping_.emplace(options_.damping, mean_diagonal(iterate));
    record.products += probes;
  }
  forcing_ = forcing_term(iterate);
  rejected_ = 0;
}

void NewtonCg::refine(Iterate& iterate) {
  iterate.refine();
  preconditioner_.discard();
}

double NewtonCg::forcing_term(const Iterate& iterate) const {
  if (forcing_ == 0) return options_.largest_forcing;
  double forcing = forcing_factor * std::pow(iterate.last_gradient_gain(), 2);
  const double guard = forcing_factor * forcing_ * forcing_;
  if (guard > forcing_guard) forcing = std::max(forcing, guard);
  // A residual of a tenth of what the whole solve asks for is enough; of half of it, what is left in
  // directions of little curvature still shows in the loss.
  const double enough = 0.1 * options_.tolerance / iterate.relative_gradient();
  return std::min(options_.largest_forcing, std::max(forcing, enough));
}

CgPath NewtonCg::conjugate_gradients(const Iterate& iterate, IterationRecord& record) {
  const Stopwatch watch;
  const TimingScope timing("conjugate gradients");
  const Problem& problem = iterate.problem();
  // What a rank decides by must be the same on all, whatever their processors' rounding.
  const auto agreed = [&](Vector v) {
    problem.comm().broadcast(v);
    return v;
  };
  const CgOperators operators{[&](const Vector& v) {
                                const TimingScope product("products");
                                return agreed(problem.hessian_vector(iterate.point(), v));
                              },
                              [&](const Vector& v) {
                                const TimingScope solve("preconditioner solves");
                                return agreed(preconditioner_.solve(v));
                              },
                              damping_->shift(), problem.damped_unknowns()};
  const double most_by_memory = most_path_bytes / (8 * static_cast<double>(problem.unknowns()));
  CgPath path(iterate.gradient(), operators,
              {forcing_, std::min(options_.most_products, static_cast<Index>(most_by_memory) + 1)});
  record.products += path.products();
  preconditioner_.note_use(watch.seconds());
  return path;
}

// The whole path's step, or the first of those cut back that lowers the loss as predicted.
std::optional<Step> NewtonCg::follow(const CgPath& path, const Iterate& iterate, IterationRecord& record) {
  CgStep model = path.end_step();
  for (Index cuts = 0; cuts <= most_cuts && model.predicted > 0; ++cuts) {
    ++record.trials;
    Step trial = iterate.try_step(model.step, model.predicted, SmallSteps::judge_by_gradient);
    if (damping_->accepts(trial.ratio) && !is_hidden(trial, iterate)) {
      was_cut_back_ = cuts > 0;
      return trial;
    }
    ++rejected_;
    model = path.step_of_norm(cut * model.norm);
  }
  return std::nullopt;
}

// A step that rejections made too short to move the point at all: that it shows no rise is their doing.
bool NewtonCg::is_hidden(const Step& trial, const Iterate& iterate) const {
  return rejected_ > 0 && trial.point->theta() == iterate.point().theta();
}

void NewtonCg::after_step(const Iterate& iterate, double ratio) {
  if (was_cut_back_) {
    damping_->raise_for_rejection();
  } else {
    damping_->adapt_after(ratio, iterate.last_gradient_gain());
  }
}

Index NewtonCg::patience() const {
  return patience_of_inexact_steps;
}

std::string NewtonCg::obstacle() const {
  if (!has_preconditioner_) return preconditioner_.obstacle();
  return fmt::format("no shift of the Hessian among {} gave a step that lowers the loss",
                     options_.damping.max_trials);
}

}  // namespace attnewton
