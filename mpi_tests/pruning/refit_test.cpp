// Refits: stationary by an oracle's gradient, never worse than their start, nothing to do where nothing is
// pruned.
#include "attnewton/pruning/refit.hpp"

#include <gtest/gtest.h>

#include "support/recorder.hpp"
#include "support/whole_map.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

SparseWeights largest(const AttentionMap& map, double ratio) {
  const Vector dense = map.reference().to_vector();
  SparseWeights sparse;
  sparse.mask = keep_largest(map.blocks(), dense.cwiseAbs(), {}, ratio);
  sparse.weights = masked(map.blocks(), dense, sparse.mask);
  return sparse;
}

double squared_error(const AttentionMap& map, const Vector& weights) {
  const std::vector<double> errors = map.relative_errors(weights);
  double sum = 0;
  for (std::size_t h = 0; h < errors.size(); ++h)
    sum += errors[h] * map.squared_norms()[static_cast<Index>(h)];
  return sum;
}

TEST(Refit, EndsWhereTheOraclesGradientVanishes) {
  for (const WholeMap& whole : test_maps()) {
    if (whole.x.rows() == 1) continue;
    SCOPED_TRACE(whole.name);
    const auto map = attention_map(Communicator::world(), whole);
    const MapMetric metric = make_map_metric(*map);
    const SparseWeights start = largest(*map, 0.3);
    RefitOptions options;
    options.tolerance = 1e-9;
    options.max_iterations = 200;
    options.ridge = 0.02;
    options.prior = 0.1;
    const Refit refit = refit_weights(map, metric, start, options);
    EXPECT_EQ(refit.summary.status, SolveStatus::converged) << refit.summary.reason;
    EXPECT_EQ(refit.weights, masked(map->blocks(), refit.weights, start.mask));

    AttentionMapOptions objective;
    objective.support = support_of(map->blocks(), start.mask);
    objective.unit = metric.unit(objective.support);
    objective.centre = whole.heads.to_vector()(objective.support).cwiseQuotient(objective.unit);
    objective.pull = Vector::Constant(objective.unit.size(), options.ridge);
    objective.prior_weight = options.prior;
    objective.prior = metric.blocks;
    const auto gradient_at = [&](const Vector& weights) {
      return map_oracle(whole, objective, weights(objective.support).cwiseQuotient(objective.unit)).gradient;
    };
    EXPECT_LE(gradient_at(refit.weights).norm(), 1e-8 * gradient_at(start.weights).norm());
  }
}

TEST(Refit, LowersTheErrorOfItsStart) {
  const WholeMapShape shape{.name = "",
                            .lengths = {30, 25, 41},
                            .d = 8,
                            .r = 4,
                            .heads = 2,
                            .causal = true,
                            .biased = true,
                            .scale = 0.5};
  const WholeMap whole = correlated(make_whole_map(shape, 51), 51);
  const auto map = attention_map(Communicator::world(), whole);
  const MapMetric metric = make_map_metric(*map);
  RefitOptions options;
  options.ridge = 0;
  options.prior = 0;
  for (const double ratio : {0.3, 0.5, 0.7}) {
    const SparseWeights start = largest(*map, ratio);
    Recorder recorder;
    IterationObserver* observers[] = {&recorder};
    const Refit refit = refit_weights(map, metric, start, options, observers);
    EXPECT_LT(squared_error(*map, refit.weights), 0.5 * squared_error(*map, start.weights)) << ratio;
    for (std::size_t i = 1; i < recorder.records.size(); ++i)
      EXPECT_LE(recorder.records[i].objective.loss, recorder.records[i - 1].objective.loss * (1 + 1e-12));
  }
}

TEST(Refit, ARidgeHoldsTheWeights) {
  const WholeMap whole =
      make_whole_map({.name = "", .lengths = {40, 33}, .d = 5, .causal = true, .scale = 0.4}, 52);
  const auto map = attention_map(Communicator::world(), whole);
  const MapMetric metric = make_map_metric(*map);
  const SparseWeights start = largest(*map, 0.5);
  double moved_before = std::numeric_limits<double>::infinity();
  for (const double ridge : {0.0, 1.0, 1e4}) {
    RefitOptions options;
    options.ridge = ridge;
    options.prior = 0;
    const Vector moved = refit_weights(map, metric, start, options).weights - start.weights;
    EXPECT_LT(moved.norm(), moved_before);
    moved_before = moved.norm();
  }
  EXPECT_LE(moved_before, 0.01 * start.weights.norm());
}

TEST(Refit, OfAllWeightsIsTheDenseLayer) {
  const WholeMap whole = test_maps()[4];
  const auto map = attention_map(Communicator::world(), whole);
  const SparseWeights start = largest(*map, 0);
  const Refit refit = refit_weights(map, make_map_metric(*map), start, {});
  EXPECT_LE((refit.weights - whole.heads.to_vector()).norm(), 1e-12 * refit.weights.norm());
}

TEST(Refit, OfNoWeightsIsNothing) {
  const WholeMap whole = test_maps()[1];
  const auto map = attention_map(Communicator::world(), whole);
  const Refit refit = refit_weights(map, make_map_metric(*map), largest(*map, 1), {});
  EXPECT_EQ(refit.weights, Vector::Zero(map->parameters()));
}

}  // namespace
}  // namespace attnewton
