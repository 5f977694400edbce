#include "attnewton/solver/certificate.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"
#include "attnewton/core/timing.hpp"
#include "attnewton/problems/attention_bounds.hpp"

namespace attnewton {
namespace {

// Def. 14.1's share of l that M ‖θ₀ − θ*‖ may be.
constexpr double good_share = 0.1;

void check_options(const CertificateOptions& options) {
  if (!(options.wanted_l >= 0) || !std::isfinite(options.wanted_l))
    throw UsageError(fmt::format("l must be a finite number of at least 0, not {}", options.wanted_l));
  if (!(options.epsilon > 0 && options.epsilon < 1))
    throw UsageError(fmt::format("epsilon must lie between 0 and 1, not be {}", options.epsilon));
  const double distortion = options.contraction.distortion;
  if (!(distortion >= 0))  // from 1 on, and where it is not defined, the predictions are infinite
    throw UsageError(fmt::format("the distortion must be at least 0, not {}", distortion));
}

std::unique_ptr<Point> point_at(const Problem& problem, const Vector& theta, const char* where) {
  auto point = problem.evaluate_fully(theta, Precision::full);
  if (!point->objective().is_finite())
    throw NumericalError(fmt::format("the objective is not finite at the {}: {}", where, point->obstacle()));
  return point;
}

ExtremeEigenvalues spectrum_at(const HessianModel& exact, const Point& point, DistributedMatrix& h,
                               const SpectrumOptions& options) {
  const TimingScope timing("spectrum");
  exact.assemble(point, 0, h);
  return extreme_eigenvalues(h, lanczos_start(h.rows()), options);
}

double ratio_of(double part, double whole) {
  return part == 0 ? 0 : part / whole;
}

// Smallest and largest w_i² of all ranks' rows; 0 without weights.
void fill_in_weights(const RegressionProblem& problem, RegressionCertificate& certificate) {
  const Vector& weights = problem.options().weights;
  if (problem.comm().max(Index{weights.size()}) == 0) return;
  const Vector squared = weights.cwiseAbs2();
  const double infinity = std::numeric_limits<double>::infinity();
  certificate.smallest_weight_squared =
      problem.comm().min(squared.size() > 0 ? squared.minCoeff() : infinity);
  certificate.largest_weight_squared =
      problem.comm().max(squared.size() > 0 ? squared.maxCoeff() : -infinity);
}

struct RegressionPoints {
  const RegressionPoint& start;
  const RegressionPoint& solution;
};

RegressionCertificate certify_regression(const RegressionProblem& problem, const RegressionPoints& points,
                                         const std::shared_ptr<const ProcessGrid>& grid, double l,
                                         const CertificateOptions& options) {
  const TimingScope timing("bounds");
  RegressionCertificate result;
  result.a = singular_values(grid, problem.data().a, options.spectrum);
  result.norms = regression_norms(problem, result.a.smallest, result.a.largest);
  const double distance = (points.start.theta() - points.solution.theta()).norm();
  result.lipschitz = lipschitz_constants(problem, result.norms, {points.solution.theta(), distance});
  result.at_start = measured_curvature(problem, points.start);
  result.at_solution = measured_curvature(problem, points.solution);
  const auto weights = [&](const CurvatureBounds& bounds) {
    return weight_thresholds(bounds, l, options.epsilon, result.a.smallest, problem.options().ridge);
  };
  result.weights_at_start = weights(result.at_start);
  result.weights_at_solution = weights(result.at_solution);
  const double residual =
      std::sqrt(std::max(points.start.at.residual_squared, points.solution.at.residual_squared));
  result.closed_form = closed_form_curvature(problem, result.norms, result.lipschitz.radius, residual);
  if (result.closed_form) result.closed_form_weights = weights(*result.closed_form);
  fill_in_weights(problem, result);
  return result;
}

}  // namespace

Goodness goodness(double log_lipschitz, double distance, double l, double smallest_eigenvalue) {
  Goodness result;
  result.log_lipschitz = log_lipschitz;
  result.log_product = log_lipschitz + std::log(distance);
  result.is_good = l > 0 && smallest_eigenvalue >= l && result.log_product <= std::log(good_share * l);
  result.good_radius = l > 0 ? std::exp(std::log(good_share * l) - log_lipschitz) : 0;
  return result;
}

Certificate certify(const Problem& problem, const HessianModel& exact, const HessianModel& approximate,
                    const Vector& start, const Vector& solution, const CertificateOptions& options) {
  check_options(options);
  require(start.size() == problem.unknowns() && solution.size() == problem.unknowns(),
          "certify: start and solution have an entry an unknown");
  const auto at_start = point_at(problem, start, "start");
  const auto at_solution = point_at(problem, solution, "solution");
  Certificate result;
  result.unknowns = problem.unknowns();
  result.distance = (start - solution).norm();
  result.relative_gradient =
      ratio_of(problem.gradient(*at_solution).norm(), problem.gradient(*at_start).norm());
  DistributedMatrix h(std::make_shared<ProcessGrid>(problem.comm()), problem.unknowns(), problem.unknowns());
  result.at_start = spectrum_at(exact, *at_start, h, options.spectrum);
  result.at_solution = spectrum_at(exact, *at_solution, h, options.spectrum);
  LocalConstants constants{result.at_solution.smallest - result.at_solution.smallest_error,
                           result.at_solution.largest + result.at_solution.largest_error};
  result.l = options.wanted_l > 0 ? options.wanted_l : constants.smallest;

  if (const auto* regression = dynamic_cast<const RegressionProblem*>(&problem)) {
    const RegressionPoints points{static_cast<const RegressionPoint&>(*at_start),
                                  static_cast<const RegressionPoint&>(*at_solution)};
    result.regression = certify_regression(*regression, points, h.grid(), std::max(0.0, result.l), options);
    const LipschitzConstants& lipschitz = result.regression->lipschitz;
    result.good_by_papers =
        goodness(lipschitz.log_paper, result.distance, result.l, result.at_solution.smallest);
    result.good_by_sharp =
        goodness(lipschitz.log_sharp(), result.distance, result.l, result.at_solution.smallest);
    constants.lipschitz = lipschitz.sharp();
  }
  if (const auto* attention = dynamic_cast<const AttentionProblem*>(&problem)) {
    const auto& point = static_cast<const AttentionPoint&>(*at_solution);
    result.h_xx_lipschitz = h_xx_lipschitz_constant(*attention, point.y);
  }
  result.contraction =
      measure_contraction(problem, approximate, h, start, solution, constants, options.contraction);
  return result;
}

}  // namespace attnewton
