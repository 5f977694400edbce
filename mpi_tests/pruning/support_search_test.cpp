// Supports that ADMM finds, against those that are known, against every other one of a small map, and against
// magnitude's.
#include "attnewton/pruning/support_search.hpp"

#include <gtest/gtest.h>

#include "attnewton/pruning/refit.hpp"

#include "support/whole_map.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

const Pattern anywhere{};

WholeMap layer_of_factors(std::uint64_t seed) {
  const WholeMapShape shape{.name = "",
                            .lengths = {30, 25, 41},
                            .d = 8,
                            .r = 4,
                            .heads = 2,
                            .causal = true,
                            .biased = true,
                            .scale = 0.5};
  return correlated(make_whole_map(shape, seed), seed);
}

WholeMap layer_of_fused(std::uint64_t seed, Index d = 6) {
  return correlated(
      make_whole_map({.name = "", .lengths = {40, 33}, .d = d, .causal = true, .scale = 0.4}, seed), seed);
}

SparseWeights searched(const std::shared_ptr<const AttentionMap>& map, const Pattern& pattern, double ratio,
                       const SupportSearchOptions& options = {}) {
  return search_support(map, make_map_metric(*map), pattern, ratio, options);
}

double error_of(const AttentionMap& map, const Vector& weights) {
  double sum = 0;
  for (const double error : map.relative_errors(weights)) sum += error;
  return sum;
}

double refitted_error(const std::shared_ptr<const AttentionMap>& map, const SparseWeights& sparse) {
  RefitOptions options;
  options.ridge = 0;
  options.prior = 0;
  return error_of(*map, refit_weights(map, make_map_metric(*map), sparse, options).weights);
}

TEST(SupportSearch, FindsTheZerosThatAreThereAlready) {
  WholeMap whole = layer_of_fused(31);
  // Large weights beside zeros, and small ones that stay.
  Vector weights = whole.heads.to_vector();
  for (Index i = 0; i < weights.size(); ++i) weights[i] = i % 2 == 0 ? (i % 4 == 0 ? 1.5 : 0.1) : 0;
  whole.heads.set(weights);
  const auto map = attention_map(Communicator::world(), whole);
  const SparseWeights sparse = searched(map, anywhere, 0.5);
  for (Index i = 0; i < weights.size(); ++i) EXPECT_EQ(sparse.mask[0].data()[i], weights[i] != 0) << i;
  EXPECT_LE(error_of(*map, sparse.weights), 1e-6);
}

// Every support of 5 of 9 weights, each refitted: 126 of them. The search's is among the best.
TEST(SupportSearch, IsAmongTheBestOfAllSupports) {
  for (std::uint64_t seed = 32; seed <= 33; ++seed) {
    const WholeMap whole = layer_of_fused(seed, 3);
    const auto map = attention_map(Communicator::self(), whole);  // each rank for itself: no messages
    const double found = refitted_error(map, searched(map, anywhere, 4.0 / 9));
    Index better = 0;
    for (unsigned bits = 0; bits < 512; ++bits) {
      if (__builtin_popcount(bits) != 5) continue;
      SparseWeights other{{Mask(3, 3)}, {}};
      for (Index i = 0; i < 9; ++i) other.mask[0].data()[i] = (bits >> i & 1U) != 0;
      other.weights = masked(map->blocks(), whole.heads.to_vector(), other.mask);
      if (refitted_error(map, other) < found * (1 - 1e-6)) ++better;
    }
    EXPECT_LE(better, 6) << seed;  // the best twentieth
  }
}

TEST(SupportSearch, IsBetterThanMagnitude) {
  for (const WholeMap& whole : {layer_of_factors(36), layer_of_fused(37, 8)}) {
    const auto map = attention_map(Communicator::world(), whole);
    SparseWeights largest;
    const Vector dense = whole.heads.to_vector();
    largest.mask = keep_largest(map->blocks(), dense.cwiseAbs(), anywhere, 0.5);
    largest.weights = masked(map->blocks(), dense, largest.mask);
    const double found = refitted_error(map, searched(map, anywhere, 0.5));
    EXPECT_LT(found, 0.7 * refitted_error(map, largest));
    EXPECT_LT(found, 0.1 * error_of(*map, largest.weights));
  }
}

TEST(SupportSearch, KeepsPatternsAndRatios) {
  const WholeMap whole = layer_of_factors(38);
  const auto map = attention_map(Communicator::world(), whole);
  for (const double ratio : {0.25, 0.75}) {
    for (const Mask& mask : searched(map, anywhere, ratio).mask) EXPECT_DOUBLE_EQ(sparsity(mask), ratio);
  }
  const SparseWeights sparse = searched(map, parse_pattern("2:4"), 0.5);
  for (const Mask& mask : sparse.mask) {
    for (Index column = 0; column < mask.cols(); ++column) {
      for (Index first = 0; first < mask.rows(); first += 4)
        EXPECT_EQ(mask.col(column).segment(first, 4).count(), 2);
    }
  }
  EXPECT_EQ(sparse.weights, masked(map->blocks(), sparse.weights, sparse.mask));
}

TEST(SupportSearch, WithoutIterationsTakesTheLargestInTheMetric) {
  const WholeMap whole = layer_of_fused(39);
  const auto map = attention_map(Communicator::world(), whole);
  const MapMetric metric = make_map_metric(*map);
  SupportSearchOptions options;
  options.iterations = 0;
  const SparseWeights sparse = search_support(map, metric, anywhere, 0.5, options);
  const Vector dense = whole.heads.to_vector();
  const Vector scores = dense.cwiseQuotient(metric.unit).cwiseAbs();
  EXPECT_EQ(differences(sparse.mask, keep_largest(map->blocks(), scores, anywhere, 0.5)), 0);
  EXPECT_LE((sparse.weights - masked(map->blocks(), dense, sparse.mask)).norm(), 1e-14 * dense.norm());
}

TEST(SupportSearch, IsTheSameOnAnyNumberOfRanks) {
  const WholeMap whole = layer_of_factors(40);
  const SparseWeights here = searched(attention_map(Communicator::world(), whole), anywhere, 0.5);
  const SparseWeights alone = searched(attention_map(Communicator::self(), whole), anywhere, 0.5);
  EXPECT_EQ(differences(here.mask, alone.mask), 0);
  EXPECT_LE((here.weights - alone.weights).norm(), 1e-8 * alone.weights.norm());
}

TEST(SupportSearch, TellsOfItsIterations) {
  const auto map = attention_map(Communicator::world(), layer_of_fused(41));
  SupportSearchOptions options;
  options.iterations = 40;
  std::vector<SupportSearchRecord> records;
  search_support(map, make_map_metric(*map), anywhere, 0.5, options,
                 [&](const SupportSearchRecord& record) { records.push_back(record); });
  ASSERT_GT(records.size(), 5U);
  ASSERT_LE(records.size(), 40U);
  EXPECT_LE(records.front().data_loss, 1e-20);  // the dense weights
  for (std::size_t i = 1; i < records.size(); ++i)
    EXPECT_DOUBLE_EQ(records[i].penalty, options.penalty_growth * records[i - 1].penalty);
  EXPECT_LT(records.back().gap, 0.5 * records.front().gap);
}

}  // namespace
}  // namespace attnewton
