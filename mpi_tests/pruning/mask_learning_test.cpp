// Learned masks: descent that never rises with the Lipschitz step, ends at a stationary M, and is the same on
// any number of ranks.
#include "attnewton/pruning/mask_learning.hpp"

#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"

#include "support/recorder.hpp"
#include "support/whole_map.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

WholeMap small_map(Index r = 0) {
  return make_whole_map({.name = "", .lengths = {9, 1, 14}, .d = 4, .r = r, .causal = true, .scale = 0.3},
                        61);
}

MaskLearningOptions options_of(MaskStep step, double momentum = 0.9) {
  MaskLearningOptions options;
  options.step = step;
  options.momentum = momentum;
  options.ridge = 0.05;
  options.tolerance = 1e-5;
  options.max_iterations = 4000;
  return options;
}

std::vector<double> losses_of(const std::shared_ptr<const AttentionMap>& map,
                              const MaskLearningOptions& options, LearnedMask& learned) {
  Recorder recorder;
  IterationObserver* observers[] = {&recorder};
  learned = learn_mask(map, options, observers);
  std::vector<double> losses;
  for (const IterationRecord& record : recorder.records) losses.push_back(record.objective.loss);
  return losses;
}

TEST(MaskLearning, DescendsMonotonely) {
  const auto map = attention_map(Communicator::world(), small_map());
  for (const MaskStep step : {MaskStep::lipschitz, MaskStep::backtracking}) {
    for (const double momentum : {0.0, 0.9}) {
      LearnedMask learned;
      const std::vector<double> losses = losses_of(map, options_of(step, momentum), learned);
      ASSERT_GT(losses.size(), 5U);
      for (std::size_t i = 1; i < losses.size(); ++i) EXPECT_LE(losses[i], losses[i - 1] * (1 + 1e-14)) << i;
      EXPECT_LT(losses.back(), 0.9 * losses.front());
    }
  }
}

// A plain step of 1/L lowers the loss by ‖g‖²/(2L) at least: the constant is one.
TEST(MaskLearning, PlainLipschitzStepsLowerTheLossAsTheBoundSays) {
  const auto map = attention_map(Communicator::world(), small_map());
  MaskLearningOptions options = options_of(MaskStep::lipschitz, 0);
  options.max_iterations = 200;
  Recorder recorder;
  IterationObserver* observers[] = {&recorder};
  learn_mask(map, options, observers);
  const double constant = mask_lipschitz_constant(*map, options.ridge);
  for (std::size_t i = 1; i < recorder.records.size(); ++i) {
    const double before = recorder.records[i - 1].objective.loss;
    const double promised = std::pow(recorder.records[i - 1].gradient_norm, 2) / (2 * constant);
    EXPECT_LE(recorder.records[i].objective.loss, before - promised + 1e-13 * before) << i;
  }
}

TEST(MaskLearning, EndsWhereTheOraclesGradientVanishes) {
  for (const Index r : {0, 2}) {
    const WholeMap whole = small_map(r);
    const auto map = attention_map(Communicator::world(), whole);
    const MaskLearningOptions options = options_of(MaskStep::backtracking);
    const LearnedMask learned = learn_mask(map, options);
    EXPECT_EQ(learned.summary.status, SolveStatus::converged) << learned.summary.reason;
    AttentionMapOptions objective;
    objective.unit = whole.heads.to_vector();
    objective.pull = Vector::Constant(objective.unit.size(), options.ridge);
    const Vector ones = Vector::Ones(objective.unit.size());
    const SecondOrder start = map_oracle(whole, objective, ones);
    const SecondOrder end = map_oracle(whole, objective, learned.mask);
    EXPECT_NEAR(start.value, 0.5 * options.ridge * ones.squaredNorm(), 1e-14);  // M = 1 is the dense layer
    EXPECT_LE(end.gradient.norm(), 2 * options.tolerance * start.gradient.norm());
  }
}

TEST(MaskLearning, IsTheSameOnAnyNumberOfRanks) {
  MaskLearningOptions options = options_of(MaskStep::backtracking);
  options.max_iterations = 25;
  const LearnedMask here = learn_mask(attention_map(Communicator::world(), small_map()), options);
  const LearnedMask alone = learn_mask(attention_map(Communicator::self(), small_map()), options);
  EXPECT_EQ(here.summary.iterations, alone.summary.iterations);
  EXPECT_LE((here.mask - alone.mask).norm(), 1e-9 * alone.mask.norm());
}

TEST(MaskLearning, KnowsNoLipschitzConstantOfFactors) {
  const auto map = attention_map(Communicator::world(), small_map(2));
  EXPECT_THROW(learn_mask(map, options_of(MaskStep::lipschitz)), UsageError);
}

}  // namespace
}  // namespace attnewton
