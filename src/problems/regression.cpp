#include "attnewton/problems/regression.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <span>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"
#include "attnewton/parallel/agreement.hpp"

namespace attnewton {
namespace {

constexpr const char* overflow_message =
    "the loss overflows: target, weights or A x are too large; start nearer to x = 0 or scale the inputs "
    "down";

// Largest |φ|, |φ′| and |φ″| of a point in the domain: sums and squares of them must be numbers, and with
// softmax, where only quotients are squared, sums alone.
constexpr double largest_squared = 1e140;
constexpr double largest_summed = 1e290;

void check_numbers(const Vector& numbers, const char* what, Index rows, Index first_row) {
  if (numbers.size() != rows)
    throw DataError(fmt::format("{} and A differ in rows: {} and {}", what, numbers.size(), rows));
  for (Index i = 0; i < rows; ++i) {
    if (!std::isfinite(numbers[i]))
      throw DataError(fmt::format("{}: {} at row {} (counted from 0)", what, numbers[i], first_row + i));
  }
}

void check_local(const RegressionData& data, const RegressionOptions& options) {
  if (!(options.ridge >= 0) || !std::isfinite(options.ridge))
    throw UsageError("the ridge must be a finite number of at least 0");
  if (options.link.kind == Link::power && !std::isfinite(options.link.exponent))
    throw UsageError(fmt::format("the power must be a finite number, not {}", options.link.exponent));
  data.a.check(data.first_row);
  if (data.a.columns() < 1) throw DataError("A has no columns");
  check_numbers(data.target, "b", data.a.rows(), data.first_row);
  if (options.weights.size() != 0)
    check_numbers(options.weights, "the weights", data.a.rows(), data.first_row);
}

// What only all ranks together can tell.
void check_together(const Communicator& comm, const RegressionData& data, const RegressionOptions& options) {
  const Index columns = data.a.columns();
  if (comm.min(columns) != comm.max(columns)) throw DataError("the ranks' rows of A differ in width");
  if (comm.sum(data.a.rows()) == 0) throw DataError("A has no rows");
  const bool lacks_weights = data.a.rows() > 0 && options.weights.size() == 0;
  if (comm.max(Index{options.weights.size()}) > 0 && comm.max(Index{lacks_weights ? 1 : 0}) > 0)
    throw DataError("some ranks' rows have weights and others' none");
}

RegressionData checked(const Communicator& comm, RegressionData data, const RegressionOptions& options) {
  agree_on_errors(comm, [&] { check_local(data, options); });
  check_together(comm, data, options);
  return data;
}

std::unique_ptr<Point> outside(const Vector& theta, std::string obstacle) {
  const double infinity = std::numeric_limits<double>::infinity();
  return std::make_unique<RegressionPoint>(theta, Objective{infinity, infinity, infinity},
                                           std::move(obstacle));
}

std::string cancelled_message(const LinkFunction& link, const NormalisedResidual& at) {
  return fmt::format(
      "the sum of {} over all rows is {}, next to nothing beside the sum of absolute values, {}: softmax "
      "divides by it; start elsewhere (x = 0 is such a point for links that are 0 there), or take "
      "--normalisation rescaled or none",
      formula(link), at.alpha, at.absolute_sum);
}

void agree_on(const Communicator& comm, Vector& numbers) {
  comm.broadcast(std::span<double>(numbers.data(), static_cast<std::size_t>(numbers.size())));
}

void sum_over_ranks(const Communicator& comm, Vector& numbers) {
  comm.sum(std::span<double>(numbers.data(), static_cast<std::size_t>(numbers.size())));
}

}  // namespace

RegressionProblem::RegressionProblem(const Communicator& comm, RegressionData data, RegressionOptions options)
    : comm_(comm),
      data_(checked(comm, std::move(data), options)),
      options_(std::move(options)),
      weights_squared_(options_.weights.array().square()) {
  target_norm_squared_ = comm_.sum(data_.target.squaredNorm());
}

// max z over all rows where the link is exp and u is divided by its sum, so that nothing overflows; else 0.
double RegressionProblem::shift_of(const Vector& z) const {
  if (options_.link.kind != Link::exp || options_.normalisation != Normalisation::softmax) return 0;
  double largest = -std::numeric_limits<double>::infinity();
  for (const double entry : z) {
    if (std::isfinite(entry)) largest = std::max(largest, entry);
  }
  largest = comm_.max(largest);
  return std::isfinite(largest) ? largest : 0;
}

// Names the first row of all ranks that lies outside the link's domain; empty if none does. Collective.
std::string RegressionProblem::obstacle_in(const Vector& z, const LinkValues& link) const {
  const double largest = options_.normalisation == Normalisation::softmax ? largest_summed : largest_squared;
  const std::optional<Index> row = first_outside_domain(z, link, largest);
  constexpr Index nowhere = std::numeric_limits<Index>::max();
  const Index here = row ? data_.first_row + *row : nowhere;
  const Index first = comm_.min(here);
  if (first == nowhere) return {};
  const auto owner = comm_.min(here == first ? Index{comm_.rank()} : Index{comm_.size()});
  return comm_.broadcast(row ? domain_message(options_.link, z[*row], here) : "", static_cast<int>(owner));
}

Objective RegressionProblem::objective_of(const Vector& theta, const Vector& z,
                                          const NormalisedResidual& at) const {
  const double weighted_squared =
      weights_squared_.size() > 0 ? (weights_squared_.array() * z.array().square()).sum() : 0;
  Objective objective;
  objective.data_loss = 0.5 * at.residual_squared;
  objective.loss =
      objective.data_loss + 0.5 * comm_.sum(weighted_squared) + 0.5 * options_.ridge * theta.squaredNorm();
  objective.relative_residual =
      at.residual_squared > 0 ? std::sqrt(at.residual_squared) / std::sqrt(target_norm_squared_) : 0;
  std::array values{objective.loss, objective.data_loss, objective.relative_residual};
  comm_.broadcast(std::span<double>(values));
  return {values[0], values[1], values[2]};
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
  const Objective objective = objective_of(theta, z, at);
  if (!objective.is_finite()) return outside(theta, overflow_message);

  auto point = std::make_unique<RegressionPoint>(theta, objective);
  point->scores = std::move(z);
  point->link = std::move(link);
  point->at = std::move(at);
  return point;
}

Vector RegressionProblem::gradient(const Point& base) const {
  const auto& point = static_cast<const RegressionPoint&>(base);
  Vector slope = slope_by_scores(options_.normalisation, point.link, point.at);
  if (weights_squared_.size() > 0) slope.array() += weights_squared_.array() * point.scores.array();
  Vector gradient = data_.a.transpose_times(slope);
  sum_over_ranks(comm_, gradient);
  gradient += options_.ridge * point.theta();
  agree_on(comm_, gradient);
  return gradient;
}

ScoreCurvature RegressionProblem::score_curvature(const RegressionPoint& point) const {
  ScoreCurvature curvature = curvature_by_scores(options_.normalisation, point.link, data_.target, point.at);
  if (weights_squared_.size() > 0) curvature.diagonal += weights_squared_;
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
  sum_over_ranks(comm_, product);
  return product + options_.ridge * v;
}

}  // namespace attnewton
