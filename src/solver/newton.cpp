#include "attnewton/solver/newton.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
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

// Entries of a Hessian in mixed precision are wrong by about this share of its mean diagonal, where logits
// are moderate; a shift that is larger hides that.
constexpr double noise_of_mixed_hessian = 1e-5;

// Below such a shift mixed precision still does while each step takes this much off the gradient, or more
// than the step before.
constexpr double fast_gradient_gain = 0.1;

// Decreases below this many roundings of the loss cannot be told from none.
constexpr double roundings_of_loss = 64;

// Steps in a row that show no progress before a solve ends as one at rounding; with a random Hessian, whose
// steps are uneven, more.
constexpr Index patience = 2;
constexpr Index patience_with_random_hessian = 10;

struct Trial {
  std::unique_ptr<Point> point;
  std::optional<Vector> gradient;  // at the point, where the rating needed it
  double step_norm = 0;
  double ratio = 0;             // actual over predicted decrease
  bool below_rounding = false;  // both decreases are too small to be told from none
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
        wanted_curvature_(problem.precision()),
        h_(std::make_shared<ProcessGrid>(problem.comm()), problem.unknowns(), problem.unknowns()) {}

  void begin_at(const Vector& start) {
    point_ = evaluate(start);
    if (!point_->objective().is_finite()) {
      throw NumericalError("the objective is not finite at the start: " + point_->obstacle());
    }
    summary_.initial_loss = point_->objective().loss;
    take_gradient(std::nullopt);
    least_gradient_norm_ = gradient_norm_;
    summary_.initial_gradient_norm = gradient_norm_;
  }

  bool is_converged() const { return relative_gradient() <= options_.tolerance; }
  bool is_stationary() const { return gradient_norm_ == 0; }
  bool is_at_start() const { return record_.iteration == 0; }
  // The last steps showed no decrease of the loss, nor any of the gradient worth the name.
  bool is_at_rounding() const {
    return steps_without_progress_ >= (hessian_.is_random() ? patience_with_random_hessian : patience);
  }
  bool is_gradient_finite() const { return std::isfinite(gradient_norm_); }
  bool is_told_to_stop() const {
    const bool told = options_.stop_requested && options_.stop_requested();
    return problem_.comm().max(Index{told ? 1 : 0}) > 0;
  }
  bool is_out_of_iterations() const { return record_.iteration >= options_.max_iterations; }
  // All ranks must agree although their clocks do not.
  bool is_out_of_time() const {
    return std::isfinite(options_.time_limit_seconds) &&
           problem_.comm().max(watch_.seconds() + last_iteration_seconds_) >= options_.time_limit_seconds;
  }

  void begin_iteration() {
    iteration_watch_.restart();
    record_.trials = 0;
    record_.factorisations = 0;
  }

  void assemble_hessian() {
    const TimingScope timing("hessian");
    hessian_.assemble(*point_, {record_.iteration, relative_gradient()}, h_);
    smallest_ritz_.reset();
    mean_abs_diagonal_ = h_.mean_abs_diagonal();
    if (!damping_) damping_.emplace(options_.damping, mean_abs_diagonal_);
    damping_->limit_to(shift_limit_);
    shift_limit_ = std::numeric_limits<double>::infinity();
  }
  bool is_hessian_finite() const { return std::isfinite(mean_abs_diagonal_); }

  /// Whether the Hessian's own rounding, in mixed precision, is what holds the solve up.
  bool is_held_up_by_precision() const {
    if (!can_refine() || !damping_) return false;
    const bool is_fast =
        last_gradient_gain_ <= fast_gradient_gain || last_gradient_gain_ < gradient_gain_before_;
    return is_at_rounding() || (!does_shift_hide_rounding() && !is_fast);
  }
  bool can_refine() const { return point_->curvature() == Precision::mixed; }
  /// From here on the Hessian is in double, as objective and gradient have been all along. The shift starts
  /// anew, not above the one that mixed precision had come to.
  void refine() {
    wanted_curvature_ = Precision::full;
    steps_without_progress_ = 0;
    if (damping_) shift_limit_ = damping_->shift();
    damping_.reset();
    point_ = evaluate(point_->theta());
  }

  /// The step of the smallest shift tried that Cholesky and the decrease of the loss accept; none if no shift
  /// will do.
  std::optional<Trial> find_acceptable_step() {
    for (Index tried = 0; tried < options_.damping.max_trials; ++tried) {
      record_.damping = damping_->shift();
      const auto factor = factorise();
      if (!factor) {
        if (is_indefinite_by_rounding()) return std::nullopt;
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
    record_.curvature = point_->curvature();
    was_definite_at_once_ = record_.factorisations == record_.trials;
    point_ = std::move(trial.point);
    record_.step_norm = trial.step_norm;
    record_.ratio = trial.ratio;
    ++record_.iteration;
    take_gradient(std::move(trial.gradient));
    gradient_gain_before_ = last_gradient_gain_;
    last_gradient_gain_ = gradient_norm_ / norm_before;
    damping_->adapt_after(trial.ratio, last_gradient_gain_);
    note_progress(trial.below_rounding);
    last_iteration_seconds_ = iteration_watch_.seconds();
  }

  void report() {
    if (record_.iteration == 0) {
      record_.ratio = std::nan("");
      record_.curvature = point_->curvature();
    }
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
  bool does_shift_hide_rounding() const {
    return damping_->shift() > noise_of_mixed_hessian * mean_abs_diagonal_;
  }

  // A Hessian in mixed precision after one that needed no shift for being definite, and under a shift that is
  // less than its rounding.
  bool is_indefinite_by_rounding() const {
    return can_refine() && was_definite_at_once_ && !does_shift_hide_rounding();
  }

  std::unique_ptr<Point> evaluate(const Vector& theta) const {
    const TimingScope timing("evaluate");
    return problem_.evaluate_fully(theta, wanted_curvature_);
  }

  Vector gradient_at(const Point& point) const {
    const TimingScope timing("gradient");
    return problem_.gradient(point);
  }

  void take_gradient(std::optional<Vector> known) {
    gradient_ = known ? std::move(*known) : gradient_at(*point_);
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

  void note_progress(bool loss_below_rounding) {
    const bool gradient_fell = gradient_norm_ < 0.9 * least_gradient_norm_;
    if (gradient_fell) least_gradient_norm_ = gradient_norm_;
    steps_without_progress_ = loss_below_rounding && !gradient_fell ? steps_without_progress_ + 1 : 0;
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
    rate(trial, step, predicted);
    return trial;
  }

  void rate(Trial& trial, const Vector& step, double predicted) const {
    const Objective& objective = trial.point->objective();
    const double actual = point_->objective().loss - objective.loss;
    if (!objective.is_finite() || !(predicted > 0)) {
      trial.ratio = -1;
    } else if (predicted <= rounding_of_loss() && std::abs(actual) <= rounding_of_loss()) {
      if (is_held_back_by_shift()) {
        trial.ratio = -1;
        return;
      }
      trial.below_rounding = true;
      // The model is right as far as can be seen; unless it is a random one, whose steps must still be
      // judged: by gradients, of which (g + g⁺)ᵀs / 2 gives the decrease without its cancellation, to third
      // order.
      trial.ratio = 1;
      if (hessian_.is_random()) {
        trial.gradient = gradient_at(*trial.point);
        trial.ratio = -0.5 * (gradient_ + *trial.gradient).dot(step) / predicted;
      }
    } else {
      trial.ratio = actual / predicted;
    }
  }

  // Whether a step that the shift did not hold back would show: what cannot be told from none is then the
  // shift's doing, not the solution's.
  bool is_held_back_by_shift() const {
    const double curvature = static_cast<double>(problem_.unknowns()) * mean_abs_diagonal_;
    return damping_->shift() > mean_abs_diagonal_ &&
           0.5 * gradient_norm_ * gradient_norm_ > rounding_of_loss() * curvature;
  }

  // Of the loss itself and, when the fit is all but exact, of the residual that it is the square of.
  double rounding_of_loss() const {
    const Objective& objective = point_->objective();
    const double unit = roundings_of_loss * std::numeric_limits<double>::epsilon();
    const double residual = objective.relative_residual;
    const double target_squared = residual > 0 ? objective.data_loss / (residual * residual) : 0;
    return unit * std::abs(objective.loss) + unit * unit * target_squared;
  }

  const Problem& problem_;
  const HessianModel& hessian_;
  const NewtonOptions& options_;
  std::span<IterationObserver* const> observers_;
  Stopwatch watch_;
  Stopwatch iteration_watch_;
  double last_iteration_seconds_ = 0;
  Index steps_without_progress_ = 0;
  double least_gradient_norm_ = std::numeric_limits<double>::infinity();
  double last_gradient_gain_ = 0;
  double gradient_gain_before_ = 0;
  bool was_definite_at_once_ = false;
  double mean_abs_diagonal_ = 0;
  double shift_limit_ = std::numeric_limits<double>::infinity();
  Precision wanted_curvature_;
  DistributedMatrix h_;
  std::unique_ptr<Point> point_;
  Vector gradient_;
  double gradient_norm_ = 0;
  std::optional<Damping> damping_;
  std::optional<double> smallest_ritz_;
  IterationRecord record_;
  SolveSummary summary_;
};

struct End {
  SolveStatus status;
  std::string reason;
};

// Why the solve ends here, if it does. Every rank comes to the same answer.
std::optional<End> reason_to_end(const NewtonSolve& solve, const NewtonOptions& options) {
  const std::string state = fmt::format("the gradient at {:.1e} of its first norm, tolerance {:.1e}",
                                        solve.relative_gradient(), options.tolerance);
  if (!solve.is_gradient_finite()) {
    return End{SolveStatus::numerical_failure,
               "the gradient is not finite: the logits or the weights are too large"};
  }
  if (solve.is_stationary()) {
    return End{SolveStatus::converged,
               solve.is_at_start()
                   ? "the start is stationary, which need not make it a minimum: another start tells"
                   : "the gradient is zero"};
  }
  if (solve.is_converged()) {
    return End{SolveStatus::converged,
               fmt::format("the gradient fell to {:.1e} of its first norm, tolerance {:.1e}",
                           solve.relative_gradient(), options.tolerance)};
  }
  if (solve.is_at_rounding() && !solve.can_refine()) {
    return End{
        SolveStatus::converged,
        "the point is a solution to working precision: the last steps lowered neither loss nor gradient "
        "beyond rounding (a start at a solution, or a tolerance that the arithmetic cannot reach)"};
  }
  if (solve.is_told_to_stop()) return End{SolveStatus::stopped, "a signal asked to stop, with " + state};
  if (solve.is_out_of_iterations()) {
    return End{SolveStatus::max_iterations,
               fmt::format("the limit of {} iterations was reached with {}", options.max_iterations, state)};
  }
  if (solve.is_out_of_time()) {
    return End{SolveStatus::time_limit,
               fmt::format("the limit of {} s would not hold another iteration, with {}",
                           options.time_limit_seconds, state)};
  }
  return std::nullopt;
}

std::string no_step_reason(const NewtonSolve& solve, const NewtonOptions& options) {
  return fmt::format(
      "no shift of the Hessian among {} gave a step that lowers the loss; the gradient is at {:.1e} of its "
      "first norm",
      options.damping.max_trials, solve.relative_gradient());
}

}  // namespace

SolveSummary minimise_by_newton(const Problem& problem, const HessianModel& hessian, const Vector& start,
                                const NewtonOptions& options, std::span<IterationObserver* const> observers) {
  const TimingScope timing("solve");
  NewtonSolve solve(problem, hessian, options, observers);
  solve.begin_at(start);
  while (true) {
    solve.report();
    if (const auto end = reason_to_end(solve, options)) return solve.finish(end->status, end->reason);
    solve.begin_iteration();
    if (solve.is_held_up_by_precision()) solve.refine();
    solve.assemble_hessian();
    auto step = solve.is_hessian_finite() ? solve.find_acceptable_step() : std::nullopt;
    if (!step && solve.can_refine()) {
      solve.refine();
      solve.assemble_hessian();
      step = solve.find_acceptable_step();
    }
    if (!step) return solve.finish(SolveStatus::numerical_failure, no_step_reason(solve, options));
    solve.accept(std::move(*step));
  }
}

}  // namespace attnewton
