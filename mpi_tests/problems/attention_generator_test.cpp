#include "attnewton/problems/attention_generator.hpp"

#include <gtest/gtest.h>

#include "attnewton/problems/attention_reference.hpp"

#include "support/whole_attention.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

WholeAttention whole_from(const PlantedAttention& planted, const AttentionRecipe& recipe) {
  WholeAttention whole;
  whole.a1 = planted.inputs;
  whole.a2 = planted.inputs;
  whole.b = planted.target;
  whole.query_offsets = planted.offsets;
  whole.key_offsets = planted.offsets;
  whole.causal = recipe.causal;
  return whole;
}

TEST(AttentionGenerator, EveryRankMakesTheBitsThatOneRankWouldMake) {
  for (const Index sequence_length : {0, 50}) {
    const AttentionRecipe recipe{.rows = 333,
                                 .width = 5,
                                 .output_width = 3,
                                 .sequence_length = sequence_length,
                                 .noise = 0.1,
                                 .causal = true,
                                 .seed = 4};
    const PlantedAttention alone = generate_attention(Communicator::self(), recipe);
    const PlantedAttention shared = generate_attention(Communicator::world(), recipe);
    ASSERT_EQ(alone.rows, (Range{0, 333}));
    EXPECT_EQ(shared.inputs, alone.inputs.middleRows(shared.rows.begin, shared.rows.size()));
    EXPECT_EQ(shared.target, alone.target.middleRows(shared.rows.begin, shared.rows.size()));
    EXPECT_EQ(shared.x, alone.x);
  }
}

TEST(AttentionGenerator, ShorterLastSequencesOfLongOnesAreNotCutInsideTiles) {
  const AttentionRecipe recipe{
      .rows = 30000, .width = 1, .output_width = 1, .sequence_length = 20000, .causal = true};
  const PlantedAttention alone = generate_attention(Communicator::self(), recipe);
  const PlantedAttention shared = generate_attention(Communicator::world(), recipe);
  EXPECT_EQ(shared.target, alone.target.middleRows(shared.rows.begin, shared.rows.size()));
}

TEST(AttentionGenerator, ThePlantedPointFitsExactlyWithoutNoise) {
  const AttentionRecipe recipe{
      .rows = 90, .width = 4, .output_width = 2, .sequence_length = 40, .factor_rank = 2};
  const PlantedAttention planted = generate_attention(Communicator::self(), recipe);
  EXPECT_EQ(planted.offsets, (std::vector<Index>{0, 40, 80, 90}));
  const AttentionProblem problem =
      make_problem(Communicator::world(), whole_from(planted, recipe), AttentionVariables::joint);
  const auto point = problem.evaluate(problem.theta_of(planted.x, planted.y));
  EXPECT_LE(point->objective().relative_residual, 1e-14);
  const auto errors =
      errors_against_reference(problem, static_cast<const AttentionPoint&>(*point), planted.x, planted.y);
  EXPECT_EQ(errors.x_error, 0);
  EXPECT_EQ(errors.logit_error, 0);
}

// 400 · 16 logits of standard deviation 3, fixed seed: the sample's lies within 20 % (the a_j and X are
// shared between logits, which makes it vary more than independent ones would).
TEST(AttentionGenerator, LogitsHaveTheScaleAskedFor) {
  const AttentionRecipe recipe{.rows = 400, .width = 16, .logit_scale = 3, .seed = 12};
  const PlantedAttention planted = generate_attention(Communicator::self(), recipe);
  const Matrix logits = planted.inputs * planted.x * planted.inputs.transpose();
  const double deviation = std::sqrt(logits.squaredNorm() / static_cast<double>(logits.size()));
  EXPECT_NEAR(deviation, 3, 0.6);
}

TEST(AttentionReference, SeesOnlyWhatTheDataShows) {
  const AttentionRecipe recipe{.rows = 60, .width = 4, .output_width = 2, .seed = 3};
  PlantedAttention planted = generate_attention(Communicator::self(), recipe);
  planted.inputs.col(3).setOnes();  // adds the same to all logits of a row: blind
  const AttentionProblem problem =
      make_problem(Communicator::world(), whole_from(planted, recipe), AttentionVariables::joint);
  Matrix x = planted.x;
  x.col(3).array() += 5;
  const auto blind = problem.evaluate(problem.theta_of(x, planted.y));
  auto errors =
      errors_against_reference(problem, static_cast<const AttentionPoint&>(*blind), planted.x, planted.y);
  EXPECT_GT(errors.x_error, 1);
  EXPECT_LE(errors.x_error_seen, 1e-12);
  EXPECT_LE(errors.logit_error, 1e-12);

  x(0, 0) += 0.1 * planted.x.norm();
  const auto wrong = problem.evaluate(problem.theta_of(x, 2 * planted.y));
  errors =
      errors_against_reference(problem, static_cast<const AttentionPoint&>(*wrong), planted.x, planted.y);
  EXPECT_GT(errors.x_error_seen, 0.09);
  EXPECT_GT(errors.logit_error, 0.01);
  EXPECT_NEAR(errors.y_error, 1, 1e-14);
  EXPECT_NEAR(errors.y_error_seen, 1, 1e-14);
}

TEST(AttentionReference, LeavesOutWhatEqualColumnsOfTheValuesHide) {
  const AttentionRecipe recipe{.rows = 60, .width = 4, .output_width = 2, .sequence_length = 20, .seed = 3};
  PlantedAttention planted = generate_attention(Communicator::self(), recipe);
  planted.inputs.col(2) = planted.inputs.col(1);
  WholeAttention whole = whole_from(planted, recipe);
  whole.ridge = 1e-6;
  const AttentionProblem problem = make_problem(Communicator::world(), whole, AttentionVariables::joint);
  Matrix y = planted.y;
  y.row(1).array() += 3;
  y.row(2).array() -= 3;
  const auto point = problem.evaluate(problem.theta_of(planted.x, y));
  const auto errors =
      errors_against_reference(problem, static_cast<const AttentionPoint&>(*point), planted.x, planted.y);
  EXPECT_GT(errors.y_error, 1);
  EXPECT_LE(errors.y_error_seen, 1e-12);
}

}  // namespace
}  // namespace attnewton
