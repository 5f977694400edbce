#include "attnewton/solver/contraction.hpp"

#include <array>
#include <cmath>
#include <memory>
#include <optional>
#include <span>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"
#include "attnewton/core/timing.hpp"
#include "attnewton/linalg/distributed_cholesky.hpp"

namespace attnewton {
namespace {

constexpr double not_known = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

// Errors below so many times the uncertainty of θ* are not looked at any further.
constexpr double roundings_of_solution = 10;

std::unique_ptr<Point> evaluate(const Problem& problem, const Vector& theta) {
  return problem.evaluate_fully(theta, Precision::full);
}

void require_finite(const Point& point, const char* where) {
  if (!point.objective().is_finite())
    throw NumericalError(fmt::format("the objective is not finite at the {}: {}", where, point.obstacle()));
}

// The steps of one measurement.
class ContractionRun {
 public:
  ContractionRun(const Problem& problem, const DistributedMatrix& h, const Vector& solution,
                 const LocalConstants& constants, double distortion)
      : problem_(problem), h_(h), solution_(solution), constants_(constants), distortion_(distortion) {
    run_.solution_uncertainty = uncertainty();
  }

  void record(const Vector& theta) {
    const Vector error = theta - solution_;
    // What decides must be one number on all ranks, however their processors round.
    std::array agreed{error.norm(), error.dot(symmetric_multiply(h_, error))};
    problem_.comm().broadcast(std::span<double>(agreed));
    ContractionStep step;
    step.is_measured = agreed[0] > roundings_of_solution * run_.solution_uncertainty;
    step.step = static_cast<Index>(run_.steps.size());
    step.error = agreed[0];
    step.error_h = agreed[1] >= 0 ? std::sqrt(agreed[1]) : not_known;
    if (run_.steps.empty()) {
      step.factor = step.factor_h = not_known;
      step.predicted = {not_known, not_known, not_known};
    } else {
      const ContractionStep& before = run_.steps.back();
      step.factor = step.error / before.error;
      step.factor_h = step.error_h / before.error_h;
      step.predicted = predicted_factors(constants_, distortion_, before.error);
    }
    run_.steps.push_back(step);
  }

  bool is_at_rounding() const { return !run_.steps.back().is_measured; }

  Contraction finish(ContractionEnd end, std::string reason) {
    run_.end = end;
    run_.reason = std::move(reason);
    return std::move(run_);
  }

 private:
  // Where H(θ*) has no Cholesky factor the Newton step is not defined: θ* is no strict minimiser.
  double uncertainty() const {
    const auto point = evaluate(problem_, solution_);
    require_finite(*point, "solution");
    double length = std::numeric_limits<double>::epsilon() * solution_.norm();
    const auto factor = DistributedCholesky::factor(h_, 0, 0);
    if (factor) length += factor->solve(problem_.gradient(*point)).norm();
    problem_.comm().broadcast(std::span<double>(&length, 1));
    return length;
  }

  const Problem& problem_;
  const DistributedMatrix& h_;
  const Vector& solution_;
  LocalConstants constants_;
  double distortion_;
  Contraction run_;
};

// θ − H̃⁻¹g; none where H̃ is not positive definite.
std::optional<Vector> newton_step_from(const Problem& problem, const HessianModel& hessian,
                                       const Point& point, Index step, DistributedMatrix& h) {
  hessian.assemble(point, step, h);
  const auto factor = DistributedCholesky::factor(h, 0, 0);
  if (!factor) return std::nullopt;
  return point.theta() - factor->solve(problem.gradient(point));
}

}  // namespace

PredictedFactors predicted_factors(const LocalConstants& constants, double distortion, double distance) {
  const double l = constants.smallest;
  const double change = constants.lipschitz * distance;
  if (std::isnan(change)) return {not_known, not_known, not_known};
  if (!(change < l) || !(distortion < 1)) return {infinity, infinity, infinity};
  const double linear = distortion / (1 - distortion);
  const double quadratic = change / (2 * (1 - distortion) * (l - change));
  return {2 * (distortion + change / (l - change)),
          linear * std::sqrt((constants.largest + change) / (l - change)) + quadratic,
          linear * std::sqrt((l + change) / (l - change)) + quadratic};
}

Contraction measure_contraction(const Problem& problem, const HessianModel& hessian,
                                const DistributedMatrix& h, const Vector& start, const Vector& solution,
                                const LocalConstants& constants, const ContractionOptions& options) {
  const TimingScope timing("contraction");
  require(start.size() == problem.unknowns() && solution.size() == problem.unknowns(),
          "measure_contraction: start and solution have an entry an unknown");
  ContractionRun run(problem, h, solution, constants, options.distortion);
  auto point = evaluate(problem, start);
  require_finite(*point, "start");
  run.record(start);
  DistributedMatrix approximate(h.grid(), h.rows(), h.columns(), h.layout().rows.block());
  for (Index step = 0; step < options.most_steps; ++step) {
    if (run.is_at_rounding())
      return run.finish(ContractionEnd::rounding, "the error came down to what is known of the solution");
    const auto next = newton_step_from(problem, hessian, *point, step, approximate);
    if (!next) {
      return run.finish(ContractionEnd::indefinite,
                        fmt::format("the {} Hessian is not positive definite after {} steps: an undamped "
                                    "Newton method needs a start nearer to the solution",
                                    hessian.name(), step));
    }
    point = evaluate(problem, *next);
    if (!point->objective().is_finite()) {
      return run.finish(ContractionEnd::outside_domain,
                        fmt::format("step {} left the domain: {}", step + 1, point->obstacle()));
    }
    run.record(*next);
  }
  if (run.is_at_rounding())
    return run.finish(ContractionEnd::rounding, "the error came down to what is known of the solution");
  return run.finish(ContractionEnd::steps, fmt::format("all {} steps were taken", options.most_steps));
}

}  // namespace attnewton
