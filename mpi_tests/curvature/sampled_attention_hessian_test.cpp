// Hessians of sampled query rows: against a dense sum over the drawn rows, against the exact one on average,
// and across rank counts.
#include "attnewton/curvature/sampled_attention_hessian.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"
#include "attnewton/curvature/attention_hessian.hpp"

#include "support/attention_oracle.hpp"
#include "support/gather.hpp"
#include "support/plain_attention_hessian.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

constexpr RowSampling rules[] = {RowSampling::uniform, RowSampling::norm, RowSampling::leverage};
constexpr HessianForm forms[] = {HessianForm::exact, HessianForm::gauss_newton};
constexpr AttentionVariables both_variables[] = {AttentionVariables::projected, AttentionVariables::joint};

// A block of 4 so that the tiny Hessians of the tests are spread over all ranks.
Matrix assembled(const AttentionProblem& problem, const HessianModel& model, const Point& point,
                 const Progress& progress) {
  DistributedMatrix h(std::make_shared<ProcessGrid>(problem.comm()), problem.unknowns(), problem.unknowns(),
                      4);
  h.add_to_diagonal(99, problem.unknowns());  // assemble must overwrite
  model.assemble(point, progress, h);
  return gather_symmetric(h);
}

// 1/p of the rows that were drawn, 0 of the others, over all ranks.
Vector drawn_weights(const AttentionProblem& problem, const WholeAttention& whole,
                     const SampledAttentionHessian& model, const Point& point, const Progress& progress) {
  const RowSample sample =
      model.draw(static_cast<const AttentionPoint&>(point), model.sampled_rows(progress), progress.iteration);
  const Index first = queries_of_rank(whole, problem.comm().size(), problem.comm().rank()).begin;
  Vector weights = Vector::Zero(whole.a1.rows());
  for (std::size_t i = 0; i < sample.rows.size(); ++i)
    weights[first + sample.rows[i]] = sample.weights[static_cast<Index>(i)];
  problem.comm().sum(weights);
  return weights;
}

// The shapes of the derivative tests, long enough to draw from.
std::vector<WholeShape> sampled_shapes() {
  std::vector<WholeShape> shapes = test_shapes();
  shapes.erase(shapes.begin());
  for (WholeShape& shape : shapes) {
    for (Index& length : shape.query_lengths) length *= 9;
    for (Index& length : shape.key_lengths) length *= 9;
  }
  shapes.push_back(
      {.name = "causal, several chunks of keys and tiles", .query_lengths = {700, 30}, .causal = true});
  shapes.push_back({.name = "several chunks of keys and tiles", .query_lengths = {400}, .scale = 0.7});
  return shapes;
}

TEST(PlainAttentionHessian, IsTheHyperDualOneWithWeightsOfOne) {
  for (const WholeShape& shape : test_shapes()) {
    SCOPED_TRACE(shape.name);
    const WholeAttention whole = make_whole(shape, 70);
    const AttentionProblem problem = make_problem(Communicator::self(), whole, AttentionVariables::joint);
    const Vector theta = test_point(problem, 71);
    const auto point = problem.evaluate(theta);
    const auto& at = static_cast<const AttentionPoint&>(*point);
    const Matrix expected = attention_oracle(whole, AttentionVariables::joint, theta).hessian;
    const Matrix h =
        plain_joint_hessian(whole, at.x, at.y, Vector::Ones(whole.a1.rows()), HessianForm::exact);
    EXPECT_LE((h - expected).norm(), 1e-12 * expected.norm());
  }
}

TEST(SampledAttentionHessian, IsTheSumOverTheDrawnRowsAndItsSchurComplement) {
  std::uint64_t seed = 300;
  for (const WholeShape& shape : sampled_shapes()) {
    SCOPED_TRACE(shape.name);
    const WholeAttention whole = make_whole(shape, seed += 10);
    const Index rows = whole.a1.rows() / 3;
    for (const auto variables : both_variables) {
      const AttentionProblem problem = make_problem(Communicator::world(), whole, variables);
      const auto point = problem.evaluate(0.5 * test_point(problem, seed));
      const auto& at = static_cast<const AttentionPoint&>(*point);
      for (const RowSampling rule : rules) {
        for (const HessianForm form : forms) {
          const SampledAttentionHessian model(problem,
                                              {.rule = rule, .rows = rows, .form = form, .seed = seed});
          const Vector weights = drawn_weights(problem, whole, model, *point, 0);
          const Index drawn = (weights.array() > 0).count();
          EXPECT_GT(drawn, rows / 2);
          EXPECT_LT(drawn, 2 * rows);
          Matrix expected = plain_joint_hessian(whole, at.x, at.y, weights, form);
          if (variables == AttentionVariables::projected)
            expected = plain_schur_complement(expected, problem.unknowns_x());
          const Matrix h = assembled(problem, model, *point, 0);
          EXPECT_LE((h - expected).norm(), 1e-11 * expected.norm()) << to_string(rule) << to_string(form);
        }
      }
    }
  }
}

// Three rows of many on up to four ranks: some of them have none, and take part in every sum all the same.
TEST(SampledAttentionHessian, GoesWithRanksThatHaveNoSampledRow) {
  WholeShape shape{.query_lengths = {90, 70}, .causal = true, .weighted = true};
  const WholeAttention whole = make_whole(shape, 31);
  for (const auto variables : both_variables) {
    const AttentionProblem problem = make_problem(Communicator::world(), whole, variables);
    const auto point = problem.evaluate(0.5 * test_point(problem, 32));
    const auto& at = static_cast<const AttentionPoint&>(*point);
    const SampledAttentionHessian model(problem, {.rows = 3, .iteration_growth = 1});
    for (Index iteration = 0; iteration < 4; ++iteration) {
      const Vector weights = drawn_weights(problem, whole, model, *point, iteration);
      Matrix expected = plain_joint_hessian(whole, at.x, at.y, weights, HessianForm::exact);
      if (variables == AttentionVariables::projected)
        expected = plain_schur_complement(expected, problem.unknowns_x());
      const Matrix h = assembled(problem, model, *point, iteration);
      EXPECT_LE((h - expected).norm(), 1e-11 * expected.norm());
    }
  }
}

// Without a ridge two rows give no K_y of order 3 a factor: the sample is doubled until one does.
TEST(SampledAttentionHessian, GrowsUntilItTellsY) {
  const WholeAttention whole = make_whole({.query_lengths = {80}, .ridge = 0}, 33);
  const AttentionProblem problem = make_problem(Communicator::world(), whole, AttentionVariables::projected);
  const auto point = problem.evaluate(0.5 * test_point(problem, 34));
  const auto& at = static_cast<const AttentionPoint&>(*point);
  const SampledAttentionHessian model(problem, {.rows = 1, .iteration_growth = 1});
  Index drawn = 0;
  Vector weights;
  for (Index rows = 1; drawn < 3; rows *= 2) {
    const SampledAttentionHessian larger(problem, {.rows = rows, .iteration_growth = 1});
    weights = drawn_weights(problem, whole, larger, *point, 0);
    EXPECT_GE((weights.array() > 0).count(), drawn);
    drawn = (weights.array() > 0).count();
  }
  const Matrix expected = plain_schur_complement(
      plain_joint_hessian(whole, at.x, at.y, weights, HessianForm::exact), problem.unknowns_x());
  EXPECT_LE((assembled(problem, model, *point, 0) - expected).norm(), 1e-9 * expected.norm());
}

TEST(SampledAttentionHessian, IsTheExactOneFromHalfOfTheRowsOn) {
  const WholeAttention whole = make_whole({.query_lengths = {40, 21}, .causal = true, .weighted = true}, 35);
  for (const auto variables : both_variables) {
    const AttentionProblem problem = make_problem(Communicator::world(), whole, variables);
    const auto point = problem.evaluate(0.5 * test_point(problem, 36));
    for (const HessianForm form : forms) {
      const Matrix expected = assembled(problem, AttentionHessian(problem, form), *point, 0);
      for (const RowSampling rule : rules) {
        const SampledAttentionHessian many(problem, {.rule = rule, .rows = 31, .form = form});
        EXPECT_EQ(assembled(problem, many, *point, 0), expected);
        const SampledAttentionHessian grown(problem, {.rule = rule, .rows = 4, .form = form});
        EXPECT_EQ(assembled(problem, grown, *point, {3, 1e-3}), expected);
        EXPECT_NE(assembled(problem, grown, *point, {0, 1}), expected);
      }
    }
  }
}

// Fixed seeds. The mean of 150 matrices lies, entry by entry, within five standard errors of the exact one,
// all of which are estimated from the same matrices: odds below 1e-3 that a right one fails somewhere.
TEST(SampledAttentionHessian, IsUnbiasedForTheJointHessian) {
  const WholeAttention whole =
      make_whole({.query_lengths = {50, 34}, .d1 = 2, .d2 = 2, .d3 = 2, .causal = true}, 37);
  const AttentionProblem problem = make_problem(Communicator::world(), whole, AttentionVariables::joint);
  const auto point = problem.evaluate(0.5 * test_point(problem, 38));
  const Matrix exact = assembled(problem, AttentionHessian(problem, HessianForm::exact), *point, 0);
  for (const RowSampling rule : rules) {
    const SampledAttentionHessian model(problem,
                                        {.rule = rule, .rows = 20, .iteration_growth = 1, .seed = 3});
    const Index draws = 150;
    Matrix sum = Matrix::Zero(exact.rows(), exact.cols());
    Matrix squares = sum;
    for (Index iteration = 0; iteration < draws; ++iteration) {
      const Matrix error = assembled(problem, model, *point, iteration) - exact;
      sum += error;
      squares += error.cwiseAbs2();
    }
    const Matrix mean = sum / static_cast<double>(draws);
    const Matrix standard_error = squares.cwiseSqrt() / static_cast<double>(draws);
    EXPECT_GT(standard_error.maxCoeff(), 1e-4 * exact.norm()) << "the draws do differ";
    EXPECT_LE((mean.cwiseAbs() - 5 * standard_error).maxCoeff(), 1e-12 * exact.norm()) << to_string(rule);
  }
}

TEST(SampledAttentionHessian, DependsOnSeedAndIterationButNotOnRanks) {
  const WholeAttention whole =
      make_whole({.query_lengths = {60, 90, 33}, .d3 = 2, .separate_values = true, .causal = true}, 39);
  const AttentionProblem alone = make_problem(Communicator::self(), whole, AttentionVariables::projected);
  const AttentionProblem shared = make_problem(Communicator::world(), whole, AttentionVariables::projected);
  const Vector theta = 0.5 * test_point(alone, 40);
  const auto point_alone = alone.evaluate(theta);
  const auto point = shared.evaluate(theta);
  for (const RowSampling rule : rules) {
    const AttentionSamplingOptions options{.rule = rule, .rows = 40, .seed = 5};
    const Matrix expected = assembled(alone, SampledAttentionHessian(alone, options), *point_alone, 2);
    const SampledAttentionHessian model(shared, options);
    EXPECT_LE((assembled(shared, model, *point, 2) - expected).norm(), 1e-9 * expected.norm());
    EXPECT_GT((assembled(shared, model, *point, 3) - expected).norm(), 1e-3 * expected.norm());
    AttentionSamplingOptions other = options;
    other.seed = 6;
    EXPECT_GT((assembled(shared, SampledAttentionHessian(shared, other), *point, 2) - expected).norm(),
              1e-3 * expected.norm());
  }
}

TEST(SampledAttentionHessian, MixedPrecisionIsSinglePrecisionsDistanceFromDouble) {
  const WholeAttention whole = make_whole(
      {.name = "causal", .query_lengths = {700, 30}, .d1 = 6, .d2 = 6, .d3 = 6, .e = 4, .causal = true}, 21);
  const auto comm = Communicator::world();
  for (const auto variables : both_variables) {
    const AttentionProblem full = make_problem(comm, whole, variables);
    const AttentionProblem mixed = make_problem(comm, whole, variables, Precision::mixed);
    const Vector theta = 0.3 * test_point(full, 22);
    const auto coarse_point = mixed.evaluate_fully(theta, Precision::mixed);
    ASSERT_EQ(coarse_point->curvature(), Precision::mixed);
    const AttentionSamplingOptions options{.rows = 200};
    const Matrix expected = assembled(full, SampledAttentionHessian(full, options), *full.evaluate(theta), 0);
    const Matrix coarse = assembled(mixed, SampledAttentionHessian(mixed, options), *coarse_point, 0);
    const double error = (coarse - expected).norm() / expected.norm();
    EXPECT_LE(error, 2e-5);
    EXPECT_GE(error, 1e-9) << "float was not used";
    // Importances in float: probabilities differ by roundings, the rows hardly ever.
    const AttentionSamplingOptions by_norm{.rule = RowSampling::norm, .rows = 200};
    const Matrix weighted = assembled(full, SampledAttentionHessian(full, by_norm), *full.evaluate(theta), 0);
    const Matrix both = assembled(mixed, SampledAttentionHessian(mixed, by_norm), *coarse_point, 0);
    EXPECT_LE((both - weighted).norm(), 1e-4 * weighted.norm());
  }
}

TEST(SampledAttentionHessian, KeepsToItsOptions) {
  const WholeAttention whole = make_whole({.query_lengths = {900}}, 41);
  const AttentionProblem problem = make_problem(Communicator::world(), whole, AttentionVariables::projected);
  const SampledAttentionHessian model(problem,
                                      {.rows = 100, .gradient_exponent = 0.5, .iteration_growth = 1.5});
  EXPECT_EQ(model.name(), "sampled");
  EXPECT_TRUE(model.is_random());
  EXPECT_EQ(model.sampled_rows({0, 1}), 100);
  EXPECT_EQ(model.sampled_rows({0, 4}), 100) << "a larger gradient takes no rows away";
  EXPECT_EQ(model.sampled_rows({0, 0.25}), 200);
  EXPECT_EQ(model.sampled_rows({2, 0.9}), 225);
  EXPECT_EQ(model.sampled_rows({3, 0.9}), 338);
  EXPECT_EQ(model.sampled_rows({0, 0.01}), 900) << "more than half: all";
  EXPECT_EQ(model.sampled_rows({10000, 0}), 900);
  // 3·3 unknowns, 2 residuals a row; ε = 3: √4 − 1 = 1.
  EXPECT_EQ(default_sampled_query_rows(problem.data(), RowSampling::leverage, 3), 12);
  EXPECT_EQ(default_sampled_query_rows(problem.data(), RowSampling::uniform, 3), 32);
  EXPECT_EQ(SampledAttentionHessian(problem, {.epsilon = 3}).initial_rows(), 12);
  for (const AttentionSamplingOptions& wrong :
       {AttentionSamplingOptions{.rows = -1}, AttentionSamplingOptions{.epsilon = 0},
        AttentionSamplingOptions{.gradient_exponent = -1}, AttentionSamplingOptions{.iteration_growth = 0.9}})
    EXPECT_THROW(SampledAttentionHessian(problem, wrong), UsageError);
}

}  // namespace
}  // namespace attnewton
