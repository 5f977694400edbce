// Layers as models store them, their groups of heads, and whole layers pruned by every method.
#include "attnewton/pruning/prune_layer.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"
#include "attnewton/pruning/baselines.hpp"
#include "attnewton/pruning/input_gram.hpp"

#include "support/whole_map.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

constexpr Index heads = 4;
constexpr Index width = 3;
constexpr Index inputs = 8;

// Four query heads of width 3, two key heads: grouped queries.
StoredProjections grouped_projections() {
  StoredProjections stored;
  stored.query =
      0.6 * normal_numbers(heads * width * inputs, 1, 71).reshaped<Eigen::RowMajor>(heads * width, inputs);
  stored.key = 0.6 * normal_numbers(2 * width * inputs, 1, 72).reshaped<Eigen::RowMajor>(2 * width, inputs);
  stored.bias = normal_numbers(heads * width, 0.5, 73);
  return stored;
}

WholeMap whole_of(const HeadGroup& group) {
  WholeMap whole =
      make_whole_map({.name = "", .lengths = {30, 12, 25}, .d = inputs, .causal = true, .scale = 0.6}, 74);
  whole.heads = group;
  return whole;
}

Calibration calibration_of(const AttentionLayer& layer) {
  const WholeMap whole = whole_of(layer.groups.front());
  Calibration calibration;
  for (const HeadGroup& group : layer.groups)
    calibration.maps.push_back(attention_map(Communicator::world(), whole_of(group)));
  calibration.gram = whole.x.transpose() * whole.x;
  calibration.rows = whole.x.rows();
  return calibration;
}

double error_of(const Calibration& calibration, const AttentionLayer& layer) {
  double sum = 0;
  for (std::size_t g = 0; g < layer.groups.size(); ++g) {
    for (const double error : calibration.maps[g]->relative_errors(layer.groups[g].to_vector())) sum += error;
  }
  return sum;
}

TEST(AttentionLayer, StoredProjectionsComeBack) {
  const StoredProjections before = grouped_projections();
  const AttentionLayer layer = layer_of(before, heads);
  ASSERT_EQ(layer.groups.size(), 2U);
  EXPECT_EQ(layer.groups[1].heads(), 2);
  EXPECT_EQ(layer.groups[1].query[0], Matrix(before.query.middleRows(2 * width, width).transpose()));
  EXPECT_EQ(layer.groups[1].key, Matrix(before.key.bottomRows(width).transpose()));
  EXPECT_EQ(layer.groups[1].bias[1], Vector(before.bias.tail(width)));
  const StoredProjections after = stored(layer);
  EXPECT_EQ(after.query, before.query);
  EXPECT_EQ(after.key, before.key);
  EXPECT_EQ(after.bias, before.bias);
}

TEST(AttentionLayer, FusedHeadsHaveTheSameMaps) {
  const AttentionLayer layer = layer_of(grouped_projections(), heads);
  const AttentionLayer one = fused(layer);
  ASSERT_EQ(one.groups.size(), 4U);
  EXPECT_EQ(stacked(one).rows(), heads * inputs);
  std::size_t head = 0;
  for (const HeadGroup& group : layer.groups) {
    const Vector weights = group.to_vector();
    for (Index h = 0; h < group.heads(); ++h, ++head) {
      const auto expected = plain_probabilities<double>(whole_of(group), {weights.begin(), weights.end()}, h);
      const Vector w = one.groups[head].to_vector();
      const auto found = plain_probabilities<double>(whole_of(one.groups[head]), {w.begin(), w.end()}, 0);
      for (std::size_t j = 0; j < expected.size(); ++j) {
        for (std::size_t k = 0; k < expected[j].size(); ++k) EXPECT_NEAR(found[j][k], expected[j][k], 1e-13);
      }
    }
  }
}

TEST(AttentionLayer, RefusesShapesThatDoNotFit) {
  StoredProjections stored = grouped_projections();
  EXPECT_THROW(layer_of(stored, 5), DataError);
  EXPECT_THROW(layer_of(stored, 3), DataError);  // heads of 4 rows, keys of 6
  stored.bias = Vector::Zero(2);
  EXPECT_THROW(layer_of(stored, heads), DataError);
  stored = grouped_projections();
  stored.key = Matrix::Zero(width, inputs + 1);
  EXPECT_THROW(layer_of(stored, heads), DataError);
  EXPECT_THROW(layer_of_fused(Matrix::Zero(3, 4)), DataError);
}

TEST(PruneLayer, EveryMethodLeavesTheShareThatIsAskedFor) {
  const AttentionLayer factors = layer_of(grouped_projections(), heads);
  for (const AttentionLayer& dense : {factors, fused(factors)}) {
    const Calibration calibration = calibration_of(dense);
    for (const PruningMethod method :
         {PruningMethod::magnitude, PruningMethod::wanda, PruningMethod::sparsegpt, PruningMethod::attention,
          PruningMethod::refit}) {
      SCOPED_TRACE(to_string(method) + (dense.is_fused() ? ", fused" : ", factors"));
      PruningOptions options;
      options.method = method;
      options.mask_learning.max_iterations = 20;
      const PrunedLayer pruned = prune_layer(dense, calibration, options);
      ASSERT_EQ(pruned.masks.size(), dense.groups.size());
      Index kept = 0;
      for (std::size_t g = 0; g < dense.groups.size(); ++g) {
        const HeadGroup& group = pruned.layer.groups[g];
        EXPECT_EQ(group.bias, dense.groups[g].bias);
        const Vector weights = group.to_vector();
        EXPECT_EQ(weights, masked(group.blocks(), weights, pruned.masks[g]));
        kept += static_cast<Index>(support_of(group.blocks(), pruned.masks[g]).size());
      }
      // SparseGPT as published takes one weight more a block of inputs of each stored matrix.
      const double slack =
          method == PruningMethod::sparsegpt ? static_cast<double>(dense.groups.size()) + 2 : 0.5;
      EXPECT_NEAR(static_cast<double>(kept), 0.5 * static_cast<double>(dense.parameters()), slack);
      EXPECT_LT(error_of(calibration, pruned.layer), 4);
      EXPECT_GT(error_of(calibration, pruned.layer), 0);
    }
  }
}

TEST(PruneLayer, BaselinesSeeStoredMatricesWhole) {
  const StoredProjections dense = grouped_projections();
  const AttentionLayer layer = layer_of(dense, heads);
  PruningOptions options;
  options.method = PruningMethod::magnitude;
  options.ratio = 0.6;
  const StoredProjections pruned = stored(prune_layer(layer, calibration_of(layer), options).layer);
  EXPECT_EQ(pruned.query, Matrix(prune_magnitude(dense.query.transpose(), {}, 0.6).weights.transpose()));
  EXPECT_EQ(pruned.key, Matrix(prune_magnitude(dense.key.transpose(), {}, 0.6).weights.transpose()));
}

TEST(PruneLayer, RefitIsBetterThanAllOthers) {
  const AttentionLayer factors = layer_of(grouped_projections(), heads);
  for (const AttentionLayer& dense : {factors, fused(factors)}) {
    const Calibration calibration = calibration_of(dense);
    PruningOptions options;
    const double refitted = error_of(calibration, prune_layer(dense, calibration, options).layer);
    for (const PruningMethod method : {PruningMethod::magnitude, PruningMethod::wanda,
                                       PruningMethod::sparsegpt, PruningMethod::attention}) {
      options.method = method;
      EXPECT_LT(refitted, 0.5 * error_of(calibration, prune_layer(dense, calibration, options).layer))
          << to_string(method);
    }
  }
}

}  // namespace
}  // namespace attnewton
