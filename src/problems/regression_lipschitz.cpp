// Lipschitz constants of a regression's Hessian, by third derivatives (MATHEMATICS §2, "Lipschitz constants
// of the Hessian"; the letters are those there).
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <span>

#include "attnewton/core/error.hpp"
#include "attnewton/problems/link_range.hpp"
#include "attnewton/problems/regression_bounds.hpp"

namespace attnewton {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

double cube(double x) {
  return x * x * x;
}

// The link over the ball, all rows of all ranks. Suprema are over the scores that each row's z_i takes.
struct LinkOverBall {
  double slope = 0;             // V = max |φ′|
  double curvature = 0;         // S = max |φ″|
  double curvature_row = 0;     // S₁ = max |φ″| ‖a_i‖
  double third_row = 0;         // T₁ = max |φ‴| ‖a_i‖
  double third_row_square = 0;  // T₂ = max |φ‴| ‖a_i‖²
  double separable_row = 0;     // max |3φ′φ″ + (φ − b_i)φ‴| ‖a_i‖
  double slope_norm = 0;        // N = ‖φ′‖₂
  double value_norm = 0;        // ‖φ‖₂
  double least_sum = 0;         // Σ min φ
  double most_sum = 0;          // Σ max φ

  bool is_finite() const { return std::isfinite(slope_norm + value_norm + curvature + third_row_square); }
  /// The least |α|, α = Σ φ; 0 where α may vanish.
  double least_alpha() const { return std::max({0.0, least_sum, -most_sum}); }
};

LinkOverBall link_over_ball(const RegressionProblem& problem, const RegressionNorms& norms, const Vector& z,
                            double radius) {
  const Vector& b = problem.data().target;
  LinkOverBall link;
  std::array sums{0.0, 0.0, 0.0, 0.0};
  for (Index i = 0; i < z.size(); ++i) {
    const double row = norms.row_norms[i];
    const LinkRange range = range_of_link(problem.options().link, z[i] - radius * row, z[i] + radius * row);
    const double value = std::max(std::abs(range.least), std::abs(range.most));
    const double residual = std::max(std::abs(range.least - b[i]), std::abs(range.most - b[i]));
    const double by_residual = range.third > 0 ? residual * range.third : 0;
    link.slope = std::max(link.slope, range.slope);
    link.curvature = std::max(link.curvature, range.curvature);
    link.curvature_row = std::max(link.curvature_row, range.curvature * row);
    link.third_row = std::max(link.third_row, range.third * row);
    link.third_row_square = std::max(link.third_row_square, range.third * row * row);
    link.separable_row =
        std::max(link.separable_row, (3 * range.slope * range.curvature + by_residual) * row);
    sums[0] += range.slope * range.slope;
    sums[1] += value * value;
    sums[2] += range.least;
    sums[3] += range.most;
  }
  const Communicator& comm = problem.comm();
  for (double* most : {&link.slope, &link.curvature, &link.curvature_row, &link.third_row,
                       &link.third_row_square, &link.separable_row})
    *most = comm.max(*most);
  comm.sum(std::span<double>(sums));
  link.slope_norm = std::sqrt(sums[0]);
  link.value_norm = std::sqrt(sums[1]);
  link.least_sum = sums[2];
  link.most_sum = sums[3];
  return link;
}

double rescaled_constant(const LinkOverBall& link, double a, double beta, double residual, double radius) {
  const double first = link.slope * a + beta * link.slope_norm * a;
  const double second = link.curvature_row * a + beta * link.curvature * a * a;
  const double farthest = residual + first * radius;
  return 3 * first * second + (1 + beta) * link.third_row * a * a * farthest;
}

double softmax_constant(const LinkOverBall& link, double a, double alpha, double residual, double radius) {
  const double least_alpha = std::max(link.least_alpha(), std::abs(alpha) - link.slope_norm * a * radius);
  if (!(least_alpha > 0)) return infinity;
  const double f = link.value_norm / least_alpha;
  const double p = link.slope * a / least_alpha;
  const double n = link.slope_norm * a / least_alpha;             // |α₁|
  const double s = link.curvature * a * a / least_alpha;          // |α₂|
  const double t = link.third_row * a * a / least_alpha;          // |α₃|
  const double s_row = link.curvature_row * a / least_alpha;      // ‖φ″∘h²‖/|α|
  const double t_row = link.third_row_square * a / least_alpha;   // ‖φ‴∘h³‖/|α|
  const double first = p + f * n;                                 // ‖f′‖
  const double second = s_row + 2 * p * n + f * (2 * n * n + s);  // ‖f″‖
  const double third = t_row + 3 * s_row * n + 3 * p * (2 * n * n + s) + f * (6 * cube(n) + 6 * n * s + t);
  return 3 * first * second + (residual + first * radius) * third;
}

// Softmax of exp, c = f − b with entries that differ by `spread` at most: from ‖A‖ or from the rows'
// distances to one another.
double softmax_of_exp_constant(const RegressionNorms& norms, double spread) {
  return std::min(cube(norms.spectral) * (0.5802 + 0.5229 * spread),
                  cube(2 * norms.row_radius) * (0.2381 + 0.2453 * spread));
}

bool is_softmax_of_exp(const RegressionOptions& options) {
  return options.normalisation == Normalisation::softmax && options.link.kind == Link::exp;
}

double ball_constant(const RegressionProblem& problem, const RegressionNorms& norms,
                     const RegressionPoint& centre, double radius) {
  const double a = norms.spectral;
  if (is_softmax_of_exp(problem.options())) {
    const Vector c = problem.residual(centre);
    const double most = problem.comm().max(c.size() > 0 ? c.maxCoeff() : -infinity);
    const double least = problem.comm().min(c.size() > 0 ? c.minCoeff() : infinity);
    const double moved = a * radius / std::sqrt(2.0);  // |c_i − c_j| ≤ √2 ‖f − f*‖ more, ‖J‖ ≤ ½
    return softmax_of_exp_constant(norms, std::min(softmax_residual_spread(norms), most - least + moved));
  }
  const LinkOverBall link = link_over_ball(problem, norms, centre.scores, radius);
  if (!link.is_finite()) return infinity;
  const double residual = std::sqrt(centre.at.residual_squared);
  switch (problem.options().normalisation) {
    case Normalisation::none:
      return link.separable_row * a * a;
    case Normalisation::rescaled:
      return rescaled_constant(link, a, norms.target, residual, radius);
    case Normalisation::softmax:
      break;
  }
  return softmax_constant(link, a, centre.at.alpha, residual, radius);
}

std::optional<double> log_closed_form(const RegressionProblem& problem, const RegressionNorms& norms,
                                      double radius) {
  const RegressionOptions& options = problem.options();
  if (is_softmax_of_exp(options))
    return std::log(softmax_of_exp_constant(norms, softmax_residual_spread(norms)));
  const Link link = options.link.kind;
  if (options.normalisation != Normalisation::rescaled ||
      (link != Link::exp && link != Link::cosh && link != Link::sinh))
    return std::nullopt;
  const auto n = static_cast<double>(norms.rows);
  const double beta = norms.target;
  const double root = std::sqrt(n);
  return 3 * std::log(norms.spectral) + 2 * radius * radius + std::log(1 + beta) +
         std::log(3 + root + 3 * beta * root + beta * n);
}

double log_of_papers(const RegressionProblem& problem, const RegressionNorms& norms, double radius) {
  const double square = radius * radius;
  const bool is_softmax = problem.options().normalisation == Normalisation::softmax;
  return 1.5 * std::log(static_cast<double>(norms.rows)) + 20 * square +
         (is_softmax ? 2 * std::max(std::log(10.0), square) : 0);
}

}  // namespace

double LipschitzConstants::log_sharp() const {
  return std::min(std::log(ball), log_closed_form.value_or(infinity));
}

double LipschitzConstants::sharp() const {
  return std::exp(log_sharp());
}

LipschitzConstants lipschitz_constants(const RegressionProblem& problem, const RegressionNorms& norms,
                                       const Ball& ball) {
  const auto centre = problem.evaluate(ball.centre);
  if (!centre->objective().is_finite())
    throw NumericalError("the objective is not finite at the centre of the ball: " + centre->obstacle());
  LipschitzConstants constants;
  constants.radius = std::max({norms.spectral, norms.target, ball.centre.norm() + ball.radius});
  constants.log_paper = log_of_papers(problem, norms, constants.radius);
  constants.log_closed_form = log_closed_form(problem, norms, constants.radius);
  constants.ball = ball_constant(problem, norms, static_cast<const RegressionPoint&>(*centre), ball.radius);
  return constants;
}

}  // namespace attnewton
