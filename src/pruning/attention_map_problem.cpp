#include "attnewton/pruning/attention_map_problem.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"

namespace attnewton {
namespace {

void check_vector(const Vector& values, const char* what, Index length) {
  if (values.size() == 0) return;
  if (values.size() != length)
    throw UsageError(
        fmt::format("{} numbers are given for the {} of {} weights", values.size(), what, length));
  for (Index i = 0; i < length; ++i) {
    if (!std::isfinite(values[i]))
      throw UsageError(
          fmt::format("the {} of weight {} (counted from 0 in the support) is {}", what, i, values[i]));
  }
}

void check_support(const std::vector<Index>& support, Index parameters) {
  Index before = -1;
  for (const Index position : support) {
    if (position <= before || position >= parameters)
      throw UsageError(fmt::format("the support must rise within [0, {}), but {} follows {}", parameters,
                                   position, before));
    before = position;
  }
}

const AttentionMapPoint& own(const Point& point) {
  return dynamic_cast<const AttentionMapPoint&>(point);
}

}  // namespace

AttentionMapProblem::AttentionMapProblem(std::shared_ptr<const AttentionMap> map, AttentionMapOptions options)
    : map_(std::move(map)), options_(std::move(options)) {
  check();
}

void AttentionMapProblem::check() const {
  require(map_ != nullptr, "AttentionMapProblem: a map");
  check_support(options_.support, map_->parameters());
  check_vector(options_.unit, "units", unknowns());
  check_vector(options_.pull, "pulls", unknowns());
  check_vector(options_.centre, "centres", unknowns());
  if (options_.pull.size() > 0 && options_.pull.minCoeff() < 0)
    throw UsageError(fmt::format("a pull must be at least 0, not {}", options_.pull.minCoeff()));
  if (!(options_.prior_weight >= 0) || !std::isfinite(options_.prior_weight))
    throw UsageError(
        fmt::format("a prior's weight must be a finite number of at least 0, not {}", options_.prior_weight));
  require(options_.prior_weight == 0 || (options_.prior && options_.prior->size() == map_->blocks().size()),
          "AttentionMapProblem: a prior has a Kronecker block for each of the map's");
}

Index AttentionMapProblem::unknowns() const {
  return options_.support.empty() ? map_->parameters() : static_cast<Index>(options_.support.size());
}

Vector AttentionMapProblem::on_support(const Vector& all) const {
  require(all.size() == map_->parameters(), "AttentionMapProblem: a number for each weight");
  if (options_.support.empty()) return all;
  Vector values(unknowns());
  for (Index i = 0; i < values.size(); ++i) values[i] = all[options_.support[static_cast<std::size_t>(i)]];
  return values;
}

Vector AttentionMapProblem::extended(const Vector& values) const {
  require(values.size() == unknowns(), "AttentionMapProblem: a number for each unknown");
  if (options_.support.empty()) return values;
  Vector all = Vector::Zero(map_->parameters());
  for (Index i = 0; i < values.size(); ++i) all[options_.support[static_cast<std::size_t>(i)]] = values[i];
  return all;
}

// u ∘ values.
Vector AttentionMapProblem::in_units(const Vector& values) const {
  require(values.size() == unknowns(), "AttentionMapProblem: a number for each unknown");
  if (options_.unit.size() == 0) return values;
  return options_.unit.cwiseProduct(values);
}

Vector AttentionMapProblem::weights(const Vector& theta) const {
  return extended(in_units(theta));
}

// κ (A ⊗ C) of all the blocks, times weights.
Vector AttentionMapProblem::prior_times(const Vector& weights) const {
  Vector product(weights.size());
  for (std::size_t b = 0; b < map_->blocks().size(); ++b) {
    const ParameterBlock& block = map_->blocks()[b];
    const ConstMatrixView part(weights.data() + block.range.begin, block.rows, block.columns);
    const KroneckerBlock& prior = (*options_.prior)[b];
    MatrixView(product.data() + block.range.begin, block.rows, block.columns) =
        options_.prior_weight * (prior.input * part * prior.output);
  }
  return product;
}

// p ∘ (θ − t).
Vector AttentionMapProblem::pulls(const Vector& theta) const {
  if (options_.pull.size() == 0) return Vector::Zero(theta.size());
  if (options_.centre.size() == 0) return options_.pull.cwiseProduct(theta);
  return options_.pull.cwiseProduct(theta - options_.centre);
}

Objective AttentionMapProblem::objective_of(const Vector& theta, const MapForward& at) const {
  const double squared = at.squared_errors.sum();
  const double target = map_->squared_norms().sum();
  double penalty = 0;
  if (options_.pull.size() > 0) {
    const Vector pulled = pulls(theta);
    penalty = options_.centre.size() == 0 ? pulled.dot(theta) : pulled.dot(theta - options_.centre);
  }
  if (options_.prior_weight > 0) {
    const Vector moved = weights(theta) - map_->reference().to_vector();
    penalty += moved.dot(prior_times(moved));
  }
  // Ranks on unlike processors may round unlike; what decides must be one number.
  std::array values{0.5 * squared + 0.5 * penalty, 0.5 * squared, std::sqrt(squared / target)};
  comm().broadcast(std::span<double>(values));
  return {values[0], values[1], values[2]};
}

std::unique_ptr<Point> AttentionMapProblem::evaluate(const Vector& theta) const {
  return evaluate(theta, MapPass::point);
}

std::unique_ptr<Point> AttentionMapProblem::evaluate_with_gradient(const Vector& theta) const {
  return evaluate(theta, MapPass::point_gradient);
}

std::unique_ptr<Point> AttentionMapProblem::evaluate(const Vector& theta, MapPass pass) const {
  MapForward at = map_->evaluate(weights(theta), pass);
  Objective objective;
  std::string obstacle = at.obstacle;
  if (obstacle.empty()) {
    objective = objective_of(theta, at);
    if (!objective.is_finite()) obstacle = "the pull towards the centre overflows: the weights are too large";
  }
  if (!obstacle.empty()) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    return std::make_unique<AttentionMapPoint>(theta, Objective{infinity, infinity, infinity},
                                               std::move(obstacle));
  }
  auto point = std::make_unique<AttentionMapPoint>(theta, objective);
  point->at = std::move(at);
  return point;
}

// This rank's derivative with respect to all weights, as one with respect to θ, over all ranks.
Vector AttentionMapProblem::summed(const Vector& local) const {
  Vector sum = in_units(on_support(local));
  comm().sum(sum);
  return sum;
}

Vector AttentionMapProblem::gradient(const Point& point) const {
  require(point.objective().is_finite(), "AttentionMapProblem::gradient: a point with a finite objective");
  Vector gradient = summed(map_->local_gradient(own(point).at)) + pulls(point.theta());
  if (options_.prior_weight > 0) {
    const Vector moved = weights(point.theta()) - map_->reference().to_vector();
    gradient += in_units(on_support(prior_times(moved)));
  }
  return gradient;
}

Vector AttentionMapProblem::hessian_vector(const Point& point, const Vector& v) const {
  require(point.objective().is_finite(), "AttentionMapProblem::hessian_vector: a finite objective");
  Vector product = summed(map_->local_hessian_vector(own(point).at, weights(v), options_.form));
  if (options_.pull.size() > 0) product += options_.pull.cwiseProduct(v);
  if (options_.prior_weight > 0) product += in_units(on_support(prior_times(weights(v))));
  return product;
}

}  // namespace attnewton
