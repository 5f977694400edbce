// Points with their gradient made in one pass, and mixed precision against full.
#include <gtest/gtest.h>

#include "support/whole_attention.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

class Variables : public testing::TestWithParam<AttentionVariables> {};
using EvaluateWithGradient = Variables;
using MixedPrecision = Variables;

INSTANTIATE_TEST_SUITE_P(All, EvaluateWithGradient,
                         testing::Values(AttentionVariables::projected, AttentionVariables::joint));
INSTANTIATE_TEST_SUITE_P(All, MixedPrecision,
                         testing::Values(AttentionVariables::projected, AttentionVariables::joint));

double relative_difference(const Vector& a, const Vector& b) {
  return (a - b).norm() / b.norm();
}

TEST_P(EvaluateWithGradient, IsEvaluateAndGradient) {
  std::uint64_t seed = 40;
  for (const WholeShape& shape : test_shapes()) {
    SCOPED_TRACE(shape.name);
    const WholeAttention whole = make_whole(shape, seed += 10);
    const AttentionProblem problem = make_problem(Communicator::world(), whole, GetParam());
    const Vector theta = test_point(problem, seed);
    const auto apart = problem.evaluate(theta);
    const auto together = problem.evaluate_with_gradient(theta);
    EXPECT_NEAR(together->objective().loss, apart->objective().loss, 1e-14 * apart->objective().loss);
    const Vector gradient = problem.gradient(*apart);
    EXPECT_LE((problem.gradient(*together) - gradient).norm(), 1e-13 * gradient.norm() + 1e-15);
    const Vector v = test_point(problem, seed + 1);
    const Vector product = problem.hessian_vector(*apart, v);
    EXPECT_LE((problem.hessian_vector(*together, v) - product).norm(), 1e-13 * product.norm() + 1e-15);
  }
}

// Single precision has 6e-8; a few roundings of logits of size 10 and of sums over a few dozen keys follow.
TEST_P(MixedPrecision, IsSinglePrecisionsDistanceFromDouble) {
  const WholeAttention whole = make_whole(
      {.name = "causal", .query_lengths = {90, 40, 17}, .d1 = 9, .d2 = 9, .d3 = 9, .e = 5, .causal = true},
      3);
  const auto comm = Communicator::world();
  const AttentionProblem full = make_problem(comm, whole, GetParam());
  const AttentionProblem mixed = make_problem(comm, whole, GetParam(), Precision::mixed);
  const Vector theta = 0.3 * test_point(full, 4);
  const Vector v = test_point(full, 5);
  const auto point = full.evaluate(theta);
  const auto coarse = mixed.evaluate(theta);
  EXPECT_EQ(full.precision(), Precision::full);
  EXPECT_EQ(mixed.precision(), Precision::mixed);
  EXPECT_NEAR(coarse->objective().loss, point->objective().loss, 1e-5 * point->objective().loss);
  EXPECT_NE(coarse->objective().loss, point->objective().loss);
  const double gradient_error = relative_difference(mixed.gradient(*coarse), full.gradient(*point));
  EXPECT_LE(gradient_error, 2e-5);
  EXPECT_GE(gradient_error, 1e-9) << "float was not used";
  const double product_error =
      relative_difference(mixed.hessian_vector(*coarse, v), full.hessian_vector(*point, v));
  EXPECT_LE(product_error, 2e-5);
  EXPECT_GE(product_error, 1e-9) << "float was not used";
  EXPECT_LE(relative_difference(mixed.gradient(*mixed.evaluate_with_gradient(theta)), full.gradient(*point)),
            2e-5);
}

// Entries whose products float cannot hold, and logits whose fraction it loses, make the curvature double.
TEST_P(MixedPrecision, IsLeftWhereFloatDoesNotCarry) {
  const auto comm = Communicator::world();
  const auto curvature_of = [&](double input, double target, double logits) {
    WholeAttention whole =
        make_whole({.name = "sequence", .query_lengths = {40}, .d1 = 5, .d2 = 5, .d3 = 5}, 6);
    whole.a1 *= input;
    whole.a2 *= input;
    whole.b *= target;
    const AttentionProblem problem = make_problem(comm, whole, GetParam(), Precision::mixed);
    Vector theta = test_point(problem, 7);
    theta.head(problem.unknowns_x()) *= logits / (input * input);
    const auto point = problem.evaluate_fully(theta, Precision::mixed);
    EXPECT_TRUE(point->objective().is_finite()) << point->obstacle();
    return point->curvature();
  };
  EXPECT_EQ(curvature_of(1, 1, 1), Precision::mixed);
  EXPECT_EQ(curvature_of(1e-4, 1, 1), Precision::mixed);
  EXPECT_EQ(curvature_of(1e12, 1, 1), Precision::full);
  EXPECT_EQ(curvature_of(1e-12, 1, 1), Precision::full);
  EXPECT_EQ(curvature_of(1, 1e35, 1), Precision::full);
  EXPECT_EQ(curvature_of(1, 1, 1e4), Precision::full);
}

// What decides a Newton solve is in double even where its curvature is not.
TEST_P(MixedPrecision, EvaluatesFullyWhenAsked) {
  const WholeAttention whole = make_whole({.name = "sequence", .query_lengths = {70}, .d1 = 5, .d2 = 5}, 6);
  const auto comm = Communicator::world();
  const AttentionProblem full = make_problem(comm, whole, GetParam());
  const AttentionProblem mixed = make_problem(comm, whole, GetParam(), Precision::mixed);
  const Vector theta = test_point(full, 7);
  const Vector v = test_point(full, 8);
  const auto point = full.evaluate(theta);
  const auto with_coarse_curvature = mixed.evaluate_fully(theta, Precision::mixed);
  EXPECT_EQ(with_coarse_curvature->objective().loss, point->objective().loss);
  EXPECT_EQ(mixed.gradient(*with_coarse_curvature), full.gradient(*point));
  const Vector product = full.hessian_vector(*point, v);
  EXPECT_NE(mixed.hessian_vector(*with_coarse_curvature, v), product);
  const auto all_full = mixed.evaluate_fully(theta, Precision::full);
  EXPECT_EQ(mixed.hessian_vector(*all_full, v), product);
  EXPECT_EQ(full.hessian_vector(*full.evaluate_fully(theta, Precision::mixed), v), product);
}

}  // namespace
}  // namespace attnewton
