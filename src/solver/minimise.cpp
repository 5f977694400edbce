#include "attnewton/solver/minimise.hpp"

#include <cmath>

#include <fmt/format.h>

#include "attnewton/core/timing.hpp"

namespace attnewton {
namespace {

struct End {
  SolveStatus status;
  std::string reason;
};

// One solve: the verbs that the loop in minimise() is made of.
class Solve {
 public:
  Solve(const Problem& problem, StepMethod& method, const Vector& start, const MinimiseOptions& options,
        std::span<IterationObserver* const> observers)
      : method_(method), options_(options), observers_(observers), iterate_(problem, start) {
    record_.ratio = std::nan("");
    record_.curvature = iterate_.point().curvature();
  }

  void report();
  /// Why the solve ends here, if it does. Every rank comes to the same answer.
  std::optional<End> reason_to_end() const;
  std::optional<Step> find_step();
  void take(Step step);
  SolveSummary finish(End end);
  End no_step() const {
    return {SolveStatus::numerical_failure, fmt::format("{}; the gradient is at {:.1e} of its first norm",
                                                        method_.obstacle(), iterate_.relative_gradient())};
  }

 private:
  std::optional<End> convergence() const;
  std::optional<End> limit() const;
  bool is_told_to_stop() const {
    const bool told = options_.stop_requested && options_.stop_requested();
    return comm().max(Index{told ? 1 : 0}) > 0;
  }
  // All ranks must agree although their clocks do not.
  bool is_out_of_time() const {
    return std::isfinite(options_.time_limit_seconds) &&
           comm().max(watch_.seconds() + last_iteration_seconds_) >= options_.time_limit_seconds;
  }
  const Communicator& comm() const { return iterate_.problem().comm(); }

  StepMethod& method_;
  const MinimiseOptions& options_;
  std::span<IterationObserver* const> observers_;
  Stopwatch watch_;
  Stopwatch iteration_watch_;
  double last_iteration_seconds_ = 0;
  Iterate iterate_;
  IterationRecord record_;
};

void Solve::report() {
  record_.iteration = iterate_.iteration();
  record_.objective = iterate_.point().objective();
  record_.gradient_norm = iterate_.gradient_norm();
  record_.relative_gradient = iterate_.relative_gradient();
  record_.seconds = watch_.seconds();
  for (IterationObserver* observer : observers_) observer->on_iteration(record_);
}

std::optional<End> Solve::convergence() const {
  if (!std::isfinite(iterate_.gradient_norm())) {
    return End{SolveStatus::numerical_failure,
               "the gradient is not finite: the logits or the weights are too large"};
  }
  if (iterate_.gradient_norm() == 0) {
    return End{SolveStatus::converged,
               iterate_.iteration() == 0
                   ? "the start is stationary, which need not make it a minimum: another start tells"
                   : "the gradient is zero"};
  }
  if (iterate_.relative_gradient() <= options_.tolerance) {
    return End{SolveStatus::converged,
               fmt::format("the gradient fell to {:.1e} of its first norm, tolerance {:.1e}",
                           iterate_.relative_gradient(), options_.tolerance)};
  }
  if (iterate_.steps_without_progress() >= method_.patience() && !method_.can_refine(iterate_)) {
    return End{
        SolveStatus::converged,
        "the point is a solution to working precision: the last steps lowered neither loss nor gradient "
        "beyond rounding (a start at a solution, or a tolerance that the arithmetic cannot reach)"};
  }
  return std::nullopt;
}

std::optional<End> Solve::limit() const {
  const std::string state = fmt::format("the gradient at {:.1e} of its first norm, tolerance {:.1e}",
                                        iterate_.relative_gradient(), options_.tolerance);
  if (is_told_to_stop()) return End{SolveStatus::stopped, "a signal asked to stop, with " + state};
  if (iterate_.iteration() >= options_.max_iterations) {
    return End{SolveStatus::max_iterations,
               fmt::format("the limit of {} iterations was reached with {}", options_.max_iterations, state)};
  }
  if (is_out_of_time()) {
    return End{SolveStatus::time_limit,
               fmt::format("the limit of {} s would not hold another iteration, with {}",
                           options_.time_limit_seconds, state)};
  }
  return std::nullopt;
}

std::optional<End> Solve::reason_to_end() const {
  const auto end = convergence();
  return end ? end : limit();
}

std::optional<Step> Solve::find_step() {
  iteration_watch_.restart();
  record_ = IterationRecord{};
  return method_.find_step(iterate_, record_);
}

void Solve::take(Step step) {
  record_.step_norm = step.norm;
  record_.ratio = step.ratio;
  iterate_.take(std::move(step));
  method_.after_step(iterate_, record_.ratio);
  last_iteration_seconds_ = iteration_watch_.seconds();
}

SolveSummary Solve::finish(End end) {
  SolveSummary summary;
  summary.status = end.status;
  summary.reason = std::move(end.reason);
  summary.iterations = iterate_.iteration();
  summary.initial_loss = iterate_.initial_loss();
  summary.initial_gradient_norm = iterate_.initial_gradient_norm();
  summary.gradient_norm = iterate_.gradient_norm();
  summary.seconds = watch_.seconds();
  summary.point = iterate_.release_point();
  return summary;
}

}  // namespace

SolveSummary minimise(const Problem& problem, StepMethod& method, const Vector& start,
                      const MinimiseOptions& options, std::span<IterationObserver* const> observers) {
  const TimingScope timing("solve");
  Solve solve(problem, method, start, options, observers);
  while (true) {
    solve.report();
    if (auto end = solve.reason_to_end()) return solve.finish(std::move(*end));
    auto step = solve.find_step();
    if (!step) return solve.finish(solve.no_step());
    solve.take(std::move(*step));
  }
}

}  // namespace attnewton
