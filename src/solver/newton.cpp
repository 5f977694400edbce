#include "attnewton/solver/newton.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"
#include "attnewton/core/timing.hpp"
#include "attnewton/linalg/distributed_cholesky.hpp"
#include "attnewton/linalg/lanczos.hpp"

namespace attnewton {
namespace {

// Lanczos steps that bound the smallest eigenvalue once a factorisation failed: a few per cent of its cost.
constexpr Index ritz_steps = 30;

// Decreases below this many roundings of the loss cannot be told from none.
constexpr double roundings_of_loss = 64;

struct Trial {
  std::unique_ptr<Point> point;
  double step_norm = 0;
  double ratio = 0;  // actual over predicted decrease
};

// One solve: what the steps share, and the verbs that the loop in minimise_by_newton is made of.
class NewtonSolve {
 public:
  NewtonSolve(const Problem& problem, const HessianModel& hessian, const NewtonOptions& options,
              std::span<IterationObserver* const> observers)
      : problem_(problem),
        hessian_(hessian),
        options_(options),
        observers_(observers),
        h_(std::make_shared<ProcessGrid>(problem.comm()), problem.unknowns(), problem.unknowns()) {}

  void begin_at(const Vector& start) {
    point_ = evaluate(start);
    if (!point_->objective().is_finite()) {
      throw NumericalError("the objective is not finite at the start: " + point_->obstacle());
    }
    summary_.initial_loss = point_->objective().loss;
    compute_gradient();
    summary_.initial_gradient_norm = gradient_norm_;
  }

  bool is_converged() const { return relative_gradient() <= options_.tolerance; }
  bool is_out_of_iterations() const { return record_.iteration >= options_.max_iterations; }
  // All ranks must agree although their clocks do not.
  bool is_out_of_time() const {
    return std::isfinite(options_.time_limit_seconds) &&
           problem_.comm().max(watch_.seconds()) >= options_.time_limit_seconds;
  }

  void assemble_hessian() {
    const TimingScope timing("hessian");
    hessian_.assemble(*point_, h_);
    smallest_ritz_.reset();
    if (!damping_) damping_.emplace(options_.damping, h_.mean_abs_diagonal());
  }

  /// The step of the smallest shift tried that Cholesky and the decrease of the loss accept; none if no shift
  /// will do.
  std::optional<Trial> find_acceptable_step() {
    record_.trials = 0;
    record_.factorisations = 0;
    for (Index tried = 0; tried < options_.damping.max_trials; ++tried) {
      record_.damping = damping_->shift();
      const auto factor = factorise();
      if (!factor) {
        damping_->raise_for_indefinite();
        continue;
      }
      Trial trial = try_step(*factor);
      if (damping_->accepts(trial.ratio)) return trial;
      damping_->raise_for_rejection();
    }
    return std::nullopt;
  }

  void accept(Trial trial) {
    const double norm_before = gradient_norm_;
    point_ = std::move(trial.point);
    record_.step_norm = trial.step_norm;
    record_.ratio = trial.ratio;
    ++record_.iteration;
    compute_gradient();
    damping_->adapt_after(trial.ratio, gradient_norm_ / norm_before);
  }

  void report() {
    if (record_.iteration == 0) record_.ratio = std::nan("");
    record_.objective = point_->objective();
    record_.gradient_norm = gradient_norm_;
    record_.relative_gradient = relative_gradient();
    record_.seconds = watch_.seconds();
    for (IterationObserver* observer : observers_) observer->on_iteration(record_);
  }

  SolveSummary finish(SolveStatus status, std::string reason) {
    summary_.status = status;
    summary_.reason = std::move(reason);
    summary_.iterations = record_.iteration;
    summary_.gradient_norm = gradient_norm_;
    summary_.seconds = watch_.seconds();
    summary_.point = std::move(point_);
    return std::move(summary_);
  }

  double relative_gradient() const {
    return summary_.initial_gradient_norm > 0 ? gradient_norm_ / summary_.initial_gradient_norm : 0;
  }

 private:
  std::unique_ptr<Point> evaluate(const Vector& theta) const {
    const TimingScope timing("evaluate");
    return problem_.evaluate(theta);
  }

  void compute_gradient() {
    const TimingScope timing("gradient");
    gradient_ = problem_.gradient(*point_);
    gradient_norm_ = gradient_.norm();
  }

  // None if H + D is not positive definite, D = μ on the damped unknowns. Once that was seen for this H,
  // shifts that a Ritz value shows to be too small are not factored at all.
  std::optional<DistributedCholesky> factorise() {
    const TimingScope timing("cholesky");
    if (smallest_ritz_ && *smallest_ritz_ + damping_->shift() < 0) return std::nullopt;
    ++record_.factorisations;
    auto factor = DistributedCholesky::factor(h_, damping_->shift(), problem_.damped_unknowns());
    if (!factor && !smallest_ritz_) smallest_ritz_ = smallest_ritz_value(h_, ritz_steps);
    return factor;
  }

  Trial try_step(const DistributedCholesky& factor) {
    ++record_.trials;
    const Vector step = -factor.solve(gradient_);
    // (H + D) step = −g, so −gᵀstep − ½ stepᵀH step is this.
    const double damped_squares = step.head(problem_.damped_unknowns()).squaredNorm();
    const double predicted = -0.5 * gradient_.dot(step) + 0.5 * damping_->shift() * damped_squares;
    Trial trial;
    trial.point = evaluate(point_->theta() + step);
    trial.step_norm = step.norm();
    trial.ratio = decrease_ratio(trial.point->objective(), predicted);
    return trial;
  }

  double decrease_ratio(const Objective& trial, double predicted) const {
    if (!trial.is_finite() || !(predicted > 0)) return -1;
    const double loss = point_->objective().loss;
    const double actual = loss - trial.loss;
    const double noise = roundings_of_loss * std::numeric_limits<double>::epsilon() * std::abs(loss);
    if (predicted <= noise && std::abs(actual) <= noise)
      return 1;  // the model is right as far as can be seen
    return actual / predicted;
  }

  const Problem& problem_;
  const HessianModel& hessian_;
  const NewtonOptions& options_;
  std::span<IterationObserver* const> observers_;
  Stopwatch watch_;
  DistributedMatrix h_;
  std::unique_ptr<Point> point_;
  Vector gradient_;
  double gradient_norm_ = 0;
  std::optional<Damping> damping_;
  std::optional<double> smallest_ritz_;
  IterationRecord record_;
  SolveSummary summary_;
};

}  // namespace

SolveSummary minimise_by_newton(const Problem& problem, const HessianModel& hessian, const Vector& start,
                                const NewtonOptions& options, std::span<IterationObserver* const> observers) {
  const TimingScope timing("solve");
  NewtonSolve solve(problem, hessian, options, observers);
  solve.begin_at(start);
  while (true) {
    solve.report();
    if (solve.is_converged()) {
      return solve.finish(SolveStatus::converged,
                          fmt::format("the gradient fell to {:.1e} of its first norm, tolerance {:.1e}",
                                      solve.relative_gradient(), options.tolerance));
    }
    if (solve.is_out_of_iterations()) {
      return solve.finish(
          SolveStatus::max_iterations,
          fmt::format("the limit of {} iterations was reached with the gradient at {:.1e}, tolerance {:.1e}",
                      options.max_iterations, solve.relative_gradient(), options.tolerance));
    }
    if (solve.is_out_of_time()) {
      return solve.finish(
          SolveStatus::time_limit,
          fmt::format("the limit of {} s was reached with the gradient at {:.1e}, tolerance {:.1e}",
                      options.time_limit_seconds, solve.relative_gradient(), options.tolerance));
    }
    solve.assemble_hessian();
    auto step = solve.find_acceptable_step();
    if (!step) {
      return solve.finish(
          SolveStatus::numerical_failure,
          fmt::format(
              "no shift of the Hessian among {} gave a step that lowers the loss; the gradient is at {:.1e}",
              options.damping.max_trials, solve.relative_gradient()));
    }
    solve.accept(std::move(*step));
  }
}

}  // namespace attnewton
