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

#include "regression_rows.hpp"

namespace attnewton {
namespace {

// By how much max z may differ from the shift of a point nearby: e to that power, squared and divided by
// itself, must be a number with all its digits.
constexpr double largest_shift_error = 100;

// By what factor 1/α may differ from that of a point nearby: products of two terms at its α must neither
// overflow nor vanish.
constexpr double largest_scale_error = 1e100;

// What the change of α and p may add to a gradient, as a multiple of its norm or a share of a term of it
// before any cancels: beyond both it has lost digits that a sum at the point's own α and p keeps.
constexpr double largest_loss = 1000;
constexpr double smallest_share_of_term = 1e-3;

bool has_its_digits(const SlopeSums& sums) {
  return sums.correction <= largest_loss * sums.gradient.norm() ||
         sums.correction <= smallest_share_of_term * sums.term;
}

bool is_near(const ResidualScale& scale, const ResidualScale& nearby) {
  const double ratio = std::abs(scale.link / nearby.link);
  return ratio <= largest_scale_error && ratio >= 1 / largest_scale_error;
}

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

template <class Numbers>
std::span<double> span_of(Numbers& numbers) {
  return {numbers.data(), static_cast<std::size_t>(numbers.size())};
}

// Σ over ranks, the same numbers on each: ranks on unlike processors may round unlike, and what decides must
// be one number.
template <std::size_t count>
std::array<double, count> summed(const Communicator& comm, std::array<double, count> values) {
  comm.sum(std::span<double>(values));
  comm.broadcast(std::span<double>(values));
  return values;
}

}  // namespace

RegressionProblem::RegressionProblem(const Communicator& comm, RegressionData data, RegressionOptions options)
    : comm_(comm),
      data_(checked(comm, std::move(data), options)),
      options_(std::move(options)),
      weights_squared_(options_.weights.array().square()) {
  has_weights_ = comm_.max(Index{weights_squared_.size()}) > 0;
  target_norm_squared_ = comm_.sum(data_.target.squaredNorm());
}

RegressionRows RegressionProblem::rows() const {
  return {data_, options_, weights_squared_, has_weights_};
}

// exp over its sum: u may be divided by the exponential of anything, so that nothing overflows.
bool RegressionProblem::is_shifted() const {
  return options_.link.kind == Link::exp && options_.normalisation == Normalisation::softmax;
}

// Of the first row of all ranks that lies outside the link's domain, `row` being this rank's; empty if none
// does. Collective.
std::string RegressionProblem::obstacle_in(const Vector& z, std::optional<Index> row) const {
  if (!row) return obstacle_of_first_row(comm_, {}, {});
  const Index global_row = data_.first_row + *row;
  return obstacle_of_first_row(comm_, global_row, domain_message(options_.link, z[*row], global_row));
}

// The sums over all ranks' rows, the same numbers on every rank.
NormalisedResidual RegressionProblem::normalise(const ScoreSums& local, const Vector& z, double shift) const {
  NormalisedResidual at;
  if (is_normalised()) {
    const auto [alpha, absolute_sum] = summed(comm_, std::array{local.link.value, local.link.absolute});
    at.alpha = alpha;
    at.absolute_sum = absolute_sum;
  }
  at.scale = scale_for(options_.normalisation, at.alpha);
  const ResidualSums sums = rows().residual_sums(z, {shift, at.scale});
  const auto [squared, along, along_squared] =
      summed(comm_, std::array{sums.squared, sums.along, sums.along_squared});
  at.residual_squared = squared;
  at.scale.projection = along;
  at.kappa = along_squared;
  return at;
}

// The target that the residual is relative to is b, and α b where that is what u is compared with.
Objective RegressionProblem::objective_of(const Vector& theta, double weighted_squared,
                                          const NormalisedResidual& at) const {
  const double regulariser = 0.5 * comm_.sum(weighted_squared) + 0.5 * options_.ridge * theta.squaredNorm();
  const double scale = options_.normalisation == Normalisation::rescaled ? at.alpha : 1;
  return least_squares_objective(comm_, at.residual_squared, scale * scale * target_norm_squared_,
                                 regulariser);
}

std::unique_ptr<Point> RegressionProblem::evaluate(const Vector& theta) const {
  std::optional<ScorePass> pass;
  if (nearby_) pass = rows().pass(theta, *nearby_);
  Vector z = pass ? std::move(pass->scores) : data_.a.times(theta);
  double shift = 0;
  if (is_shifted()) {
    shift = largest_score(comm_, z);
    if (pass && std::abs(shift - nearby_->shift) > largest_shift_error) pass.reset();
    if (pass) shift = nearby_->shift;
  }
  const ScoreSums sums = pass ? pass->sums : rows().score_sums(z, shift);
  std::string obstacle = obstacle_in(z, sums.outside);
  if (!obstacle.empty()) return outside(theta, std::move(obstacle));
  const NormalisedResidual at = normalise(sums, z, shift);
  if (options_.normalisation == Normalisation::softmax && is_cancelled(at))
    return outside(theta, cancelled_message(options_.link, at));
  const Objective objective = objective_of(theta, sums.weighted_squared, at);
  if (!objective.is_finite()) return outside(theta, overflow_message("A x"));

  auto point = std::make_unique<RegressionPoint>(theta, objective);
  if (pass && is_near(at.scale, nearby_->scale)) {
    point->slopes = slopes_from(std::move(pass->slopes), *nearby_, at.scale);
    // All ranks must agree, although they may round unlike: what is not kept is made together.
    if (comm_.min(Index{has_its_digits(point->slopes->sums) ? 1 : 0}) == 0) point->slopes.reset();
  }
  point->scores = std::move(z);
  point->shift = shift;
  point->at = at;
  return point;
}

// Collective.
RegressionPoint::Slopes RegressionProblem::slopes_from(Matrix sums, const NearbyScale& nearby,
                                                       const ResidualScale& scale) const {
  comm_.sum(sums);
  comm_.broadcast(span_of(sums));
  const Index own = slope_terms(options_.normalisation);
  RegressionPoint::Slopes slopes{
      combine_slopes(options_.normalisation, sums.topRows(own), nearby.scale, scale), Vector()};
  if (sums.rows() > own) slopes.weighted = sums.row(own);
  return slopes;
}

const RegressionPoint::Slopes& RegressionProblem::slopes_of(const RegressionPoint& point) const {
  const NearbyScale own{point.shift, point.at.scale};
  if (!point.slopes) point.slopes = slopes_from(rows().slopes(point.scores, own), own, own.scale);
  return *point.slopes;
}

Vector RegressionProblem::gradient(const Point& base) const {
  const auto& point = static_cast<const RegressionPoint&>(base);
  const RegressionPoint::Slopes& slopes = slopes_of(point);
  nearby_ = NearbyScale{point.shift, point.at.scale};
  if (is_shifted()) {
    nearby_->shift += std::log(point.at.alpha);  // where α is 1
    nearby_->scale.link = 1;
  }
  Vector gradient = slopes.sums.gradient + options_.ridge * point.theta();
  if (slopes.weighted.size() > 0) gradient += slopes.weighted;
  comm_.broadcast(span_of(gradient));
  return gradient;
}

Vector RegressionProblem::residual(const RegressionPoint& point) const {
  return rows().residual(point);
}

ScoreCurvature RegressionProblem::score_curvature(const RegressionPoint& point, HessianForm form) const {
  return rows().curvature(point, form);
}

Vector RegressionProblem::curvature_diagonal(const RegressionPoint& point, HessianForm form) const {
  return rows().diagonal(point, form);
}

RankTwoPart RegressionProblem::rank_two_part(const RegressionPoint& point, HessianForm form) const {
  if (!is_normalised()) return {};
  const SlopeSums& sums = slopes_of(point).sums;
  return {point.at.kappa, sums.direction, mixed_of(options_.normalisation, form, sums)};
}

Vector RankTwoPart::times(const Vector& v) const {
  if (direction.size() == 0) return Vector::Zero(v.size());
  const double along = direction.dot(v);
  return (kappa * along - mixed.dot(v)) * direction - along * mixed;
}

Vector RegressionProblem::hessian_vector(const Point& base, const Vector& v) const {
  const auto& point = static_cast<const RegressionPoint&>(base);
  Vector product = rows().diagonal_product(point, v);
  comm_.sum(span_of(product));
  return product + rank_two_part(point, HessianForm::exact).times(v) + options_.ridge * v;
}

}  // namespace attnewton
