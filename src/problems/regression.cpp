#include "attnewton/problems/regression.hpp"

#include <array>
#include <cmath>
#include <optional>
#include <span>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"
#include "attnewton/parallel/agreement.hpp"
#include "attnewton/problems/evaluation.hpp"
#include "attnewton/problems/input_checks.hpp"

namespace attnewton {
namespace {

// Largest |φ|, |φ′| and |φ″| of a point in the domain: sums and squares of them must be numbers, and with
// softmax, where only quotients are squared, sums alone.
constexpr double largest_squared = 1e140;
constexpr double largest_summed = 1e290;

void check_local(const RegressionData& data, const RegressionOptions& options) {
  check_ridge(options.ridge);
  if (options.link.kind == Link::power && !std::isfinite(options.link.exponent))
    throw UsageError(fmt::format("the power must be a finite number, not {}", options.link.exponent));
  data.a.check(data.first_row);
  if (data.a.columns() < 1) throw DataError("A has no columns");
  check_numbers(data.target, "b", "A", data.a.rows(), data.first_row);
  if (options.weights.size() != 0)
    check_numbers(options.weights, "the weights", "A", data.a.rows(), data.first_row);
}

RegressionData checked(const Communicator& comm, RegressionData data, const RegressionOptions& options) {
  agree_on_errors(comm, [&] { check_local(data, options); });
  check_shares(comm, data.a, options.weights, "A");
  return data;
}

std::unique_ptr<Point> outside(const Vector& theta, std::string obstacle) {
  return std::make_unique<RegressionPoint>(theta, infinite_objective(), std::move(obstacle));
}

std::string cancelled_message(const LinkFunction& link, const NormalisedResidual& at) {
  return fmt::format(
      "the sum of {} over all rows is {}, next to nothing beside the sum of absolute values, {}: softmax "
      "divides by it; start elsewhere (x = 0 is such a point for links that are 0 there), or take "
      "--normalisation rescaled or none",
      formula(link), at.alpha, at.absolute_sum);
}

}  // namespace

RegressionProblem::RegressionProblem(const Communicator& comm, RegressionData data, RegressionOptions options)
    : comm_(comm),
      data_(checked(comm, std::move(data), options)),
      options_(std::move(options)),
      regulariser_(options_.weights, options_.ridge) {
  target_norm_squared_ = comm_.sum(data_.target.squaredNorm());
}

// max z over all rows where the link is exp and u is divided by its sum, so that nothing overflows; else 0.
double RegressionProblem::shift_of(const Vector& z) const {
  if (options_.link.kind != Link::exp || options_.normalisation != Normalisation::softmax) return 0;
  return largest_score(comm_, z);
}

// Names the first row of all ranks that lies outside the link's domain; empty if none does. Collective.
std::string RegressionProblem::obstacle_in(const Vector& z, const LinkValues& link) const {
  const double largest = options_.normalisation == Normalisation::softmax ? largest_summed : largest_squared;
  const std::optional<Index> row = first_outside_domain(z, link, largest);
  if (!row) return obstacle_of_first_row(comm_, {}, {});
  const Index global_row = data_.first_row + *row;
  return obstacle_of_first_row(comm_, global_row, domain_message(options_.link, z[*row], global_row));
}

std::unique_ptr<Point> RegressionProblem::evaluate(const Vector& theta) const {
  Vector z = data_.a.times(theta);
  const double shift = shift_of(z);
  LinkValues link = evaluate_link(options_.link, z.array() - shift);
  std::string obstacle = obstacle_in(z, link);
  if (!obstacle.empty()) return outside(theta, std::move(obstacle));
  NormalisedResidual at = normalise(comm_, options_.normalisation, options_.link, link, data_.target);
  if (options_.normalisation == Normalisation::softmax && is_cancelled(at))
    return outside(theta, cancelled_message(options_.link, at));
  const Objective objective = least_squares_objective(comm_, at.residual_squared, target_norm_squared_,
                                                      regulariser_.value(comm_, z, theta));
  if (!objective.is_finite()) return outside(theta, overflow_message("A x"));

  auto point = std::make_unique<RegressionPoint>(theta, objective);
  point->scores = std::move(z);
  point->link = std::move(link);
  point->at = std::move(at);
  return point;
}

Vector RegressionProblem::gradient(const Point& base) const {
  const auto& point = static_cast<const RegressionPoint&>(base);
  Vector slope = slope_by_scores(options_.normalisation, point.link, point.at);
  regulariser_.add_slope(point.scores, slope);
  Vector gradient = data_.a.transpose_times(slope);
  comm_.sum(gradient);
  gradient += options_.ridge * point.theta();
  comm_.broadcast(gradient);
  return gradient;
}

ScoreCurvature RegressionProblem::score_curvature(const RegressionPoint& point) const {
  ScoreCurvature curvature = curvature_by_scores(options_.normalisation, point.link, data_.target, point.at);
  regulariser_.add_curvature(curvature.diagonal);
  return curvature;
}

Vector RegressionProblem::hessian_vector(const Point& base, const Vector& v) const {
  const ScoreCurvature curvature = score_curvature(static_cast<const RegressionPoint&>(base));
  const Vector change = data_.a.times(v);
  Vector slopes = curvature.diagonal.cwiseProduct(change);
  if (is_normalised()) {
    std::array along{curvature.direction.dot(change), curvature.mixed.dot(change)};
    comm_.sum(std::span<double>(along));
    slopes += (curvature.kappa * along[0] - along[1]) * curvature.direction - along[0] * curvature.mixed;
  }
  Vector product = data_.a.transpose_times(slopes);
  comm_.sum(product);
  return product + options_.ridge * v;
}

}  // namespace attnewton
