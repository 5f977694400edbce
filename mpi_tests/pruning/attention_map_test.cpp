// Attention maps against probabilities written out entry by entry, and the errors that they meet.
#include "attnewton/pruning/attention_map.hpp"

#include <limits>

#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"
#include "attnewton/parallel/threads.hpp"

#include "support/dense_spectrum.hpp"
#include "support/whole_map.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

// ‖F − E‖² and ‖E‖² of a head.
struct PlainErrors {
  double error = 0;
  double norm = 0;
};

PlainErrors plain_errors(const WholeMap& whole, const Vector& weights, Index head) {
  const auto f = plain_probabilities(whole, numbers_of(weights), head);
  const auto e = plain_probabilities(whole, numbers_of(whole.heads.to_vector()), head);
  PlainErrors errors;
  for (std::size_t j = 0; j < f.size(); ++j) {
    for (std::size_t i = 0; i < f[j].size(); ++i) {
      errors.error += (f[j][i] - e[j][i]) * (f[j][i] - e[j][i]);
      errors.norm += e[j][i] * e[j][i];
    }
  }
  return errors;
}

TEST(HeadGroup, PacksAndUnpacksItsWeightsRowByRow) {
  HeadGroup group{{Matrix(2, 2), Matrix(2, 2)}, Matrix(2, 2), {}};
  group.query[0] << 1, 2, 3, 4;
  group.query[1] << 5, 6, 7, 8;
  group.key << 9, 10, 11, 12;
  EXPECT_EQ(group.to_vector(), Vector::LinSpaced(12, 1, 12));
  const std::vector<ParameterBlock> blocks = group.blocks();
  ASSERT_EQ(blocks.size(), 3U);
  EXPECT_EQ(blocks[1], (ParameterBlock{{4, 8}, 2, 2, false}));
  EXPECT_EQ(blocks[2], (ParameterBlock{{8, 12}, 2, 2, true}));
  HeadGroup other{{Matrix::Zero(2, 2), Matrix::Zero(2, 2)}, Matrix::Zero(2, 2), {}};
  other.set(group.to_vector());
  EXPECT_EQ(other.query[1], group.query[1]);
  EXPECT_EQ(other.key, group.key);
  EXPECT_THROW(other.set(Vector::Zero(11)), InternalError);
}

TEST(AttentionMap, ErrorsAreThoseOfThePlainProbabilities) {
  for (const WholeMap& whole : test_maps()) {
    for (const MapStorage& storage : {keeps_all, keeps_none}) {
      SCOPED_TRACE(whole.name);
      const auto map = attention_map(Communicator::world(), whole, storage);
      EXPECT_EQ(map->rows(), whole.x.rows());
      const Vector weights = normal_numbers(map->parameters(), 0.8, 3);
      const std::vector<double> found = map->relative_errors(weights);
      const std::vector<double> at_reference = map->relative_errors(whole.heads.to_vector());
      ASSERT_EQ(found.size(), whole.heads.query.size());
      for (Index h = 0; h < static_cast<Index>(found.size()); ++h) {
        const PlainErrors expected = plain_errors(whole, weights, h);
        EXPECT_NEAR(map->squared_norms()[h], expected.norm, 1e-13 * expected.norm);
        EXPECT_NEAR(found[static_cast<std::size_t>(h)], expected.error / expected.norm,
                    1e-13 * (1 + expected.error / expected.norm));
        EXPECT_LE(at_reference[static_cast<std::size_t>(h)], 1e-28);
      }
    }
  }
}

// Several tiles a sequence, and several strips of tiles.
TEST(AttentionMap, LongSequencesGiveThePlainErrors) {
  for (const bool causal : {false, true}) {
    for (const Index r : {0, 2}) {
      const WholeMap whole = make_whole_map(
          {.name = "long", .lengths = {30, 700, 5}, .d = 3, .r = r, .causal = causal, .scale = 0.5}, 7);
      for (const MapStorage& storage : {keeps_all, keeps_none}) {
        const auto map = attention_map(Communicator::world(), whole, storage);
        const Vector weights = normal_numbers(map->parameters(), 0.8, 3);
        const PlainErrors expected = plain_errors(whole, weights, 0);
        EXPECT_NEAR(map->relative_errors(weights)[0], expected.error / expected.norm, 1e-12);
      }
    }
  }
}

TEST(AttentionMap, StorageFollowsItsBudget) {
  EXPECT_TRUE((MapStorage{.per_input = 4, .always = 0}).holds(400, 100));
  EXPECT_FALSE((MapStorage{.per_input = 4, .always = 0}).holds(401, 100));
  EXPECT_TRUE((MapStorage{.per_input = 0, .always = 10}).holds(10, 0));
  const WholeMap whole = make_whole_map({.name = "", .lengths = {20}}, 8);
  EXPECT_TRUE(attention_map(Communicator::world(), whole, keeps_all)->stores_probabilities());
  EXPECT_FALSE(attention_map(Communicator::self(), whole, keeps_none)->stores_probabilities());
}

TEST(AttentionMap, InputNormsAreThoseOfEverySequence) {
  const WholeMap whole = make_whole_map({.name = "", .lengths = {7, 1, 2, 9}, .d = 4}, 9);
  double expected = 0;
  for (std::size_t s = 0; s + 1 < whole.offsets.size(); ++s) {
    const Matrix x = whole.x.middleRows(whole.offsets[s], whole.offsets[s + 1] - whole.offsets[s]);
    expected += std::pow(singular_values_of(x)[0], 4);
  }
  const auto map = attention_map(Communicator::world(), whole);
  EXPECT_NEAR(map->sum_of_input_norms_to_the_fourth(), expected, 1e-12 * expected);
  const double largest = whole.heads.query[0].cwiseAbs().maxCoeff();
  EXPECT_NEAR(mask_lipschitz_constant(*map, 0.5), 0.5 + 1.25 * expected * largest * largest,
              1e-11 * expected * largest * largest);
}

TEST(AttentionMap, RefusesWhatDoesNotFit) {
  const Communicator world = Communicator::world();
  const WholeMap whole =
      make_whole_map({.name = "", .lengths = {8}, .d = 3, .r = 2, .heads = 2, .biased = true}, 10);
  const auto broken = [&](const auto& change) {
    WholeMap copy = whole;
    change(copy.heads);
    return attention_map(world, copy);
  };
  EXPECT_THROW(broken([](HeadGroup& g) { g.query.clear(); }), UsageError);
  EXPECT_THROW(broken([](HeadGroup& g) { g.query[1] = Matrix::Ones(3, 1); }), UsageError);
  EXPECT_THROW(broken([](HeadGroup& g) { g.key = Matrix::Ones(3, 1); }), UsageError);
  EXPECT_THROW(broken([](HeadGroup& g) { g.key = {}; }), UsageError);
  EXPECT_THROW(broken([](HeadGroup& g) { g.bias.pop_back(); }), UsageError);
  EXPECT_THROW(broken([](HeadGroup& g) { g.bias[0] = Vector::Ones(3); }), UsageError);
  EXPECT_THROW(broken([](HeadGroup& g) { g = {{Matrix::Ones(4, 2)}, Matrix::Ones(4, 2), {}}; }), UsageError);
  EXPECT_THROW(broken([](HeadGroup& g) { g.key(1, 1) = std::numeric_limits<double>::quiet_NaN(); }),
               DataError);
  EXPECT_THROW(broken([](HeadGroup& g) {
                 g.query[0] *= 1e200;
                 g.key *= 1e200;
               }),
               DataError);
  MapInputs inputs = *map_inputs(Communicator::self(), whole);
  inputs.sequences[0].first_position = 1;
  EXPECT_THROW(AttentionMap(Communicator::self(), std::make_shared<const MapInputs>(inputs), whole.heads),
               UsageError);
  EXPECT_THROW(mask_lipschitz_constant(*attention_map(world, whole), 0), UsageError);
}

TEST(AttentionMap, AWeightTooLargeIsAnObstacleThatNamesRowAndHead) {
  WholeMap whole = make_whole_map({.name = "", .lengths = {4, 4}, .d = 2, .heads = 2}, 11);
  whole.x.row(6) *= 1e100;
  const auto map = attention_map(Communicator::world(), whole);
  Vector weights = whole.heads.to_vector();
  weights.tail(4) *= 1e150;  // of the second head
  const MapForward at = map->evaluate(weights, MapPass::point);
  EXPECT_NE(at.obstacle.find("head 1"), std::string::npos) << at.obstacle;
  EXPECT_NE(at.obstacle.find("row 6"), std::string::npos) << at.obstacle;
  EXPECT_EQ(map->relative_errors(weights)[0], std::numeric_limits<double>::infinity());
}

}  // namespace
}  // namespace attnewton
