// Loss, gradient and Hessian–vector product against hyper-dual numbers.
#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"
#include "attnewton/random/stream.hpp"

#include "support/attention_oracle.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

class AttentionDerivatives : public testing::TestWithParam<AttentionVariables> {};

TEST_P(AttentionDerivatives, AgreeWithHyperDualNumbers) {
  std::uint64_t seed = 100;
  for (const WholeShape& shape : test_shapes()) {
    SCOPED_TRACE(shape.name);
    const WholeAttention whole = make_whole(shape, seed += 10);
    const AttentionProblem problem = make_problem(Communicator::world(), whole, GetParam());
    const Vector theta = test_point(problem, seed);
    const SecondOrder oracle = attention_oracle(whole, GetParam(), theta);

    const auto point = problem.evaluate(theta);
    EXPECT_NEAR(point->objective().loss, oracle.value, 1e-13 * oracle.value);
    EXPECT_LE((problem.gradient(*point) - oracle.gradient).norm(), 1e-12 * oracle.gradient.norm() + 1e-15);

    Vector v(theta.size());
    for (Index i = 0; i < v.size(); ++i) v[i] = RandomStream(seed, RandomPurpose::directions).normal(i);
    const Vector expected = oracle.hessian * v;
    EXPECT_LE((problem.hessian_vector(*point, v) - expected).norm(), 1e-12 * expected.norm() + 1e-15);
  }
}

INSTANTIATE_TEST_SUITE_P(Variables, AttentionDerivatives,
                         testing::Values(AttentionVariables::projected, AttentionVariables::joint));

TEST(AttentionProblem, RelativeResidualAndDataLossLeaveTheRegulariserOut) {
  const WholeAttention whole =
      make_whole({.name = "sequences", .query_lengths = {4, 9}, .weighted = true}, 5);
  const AttentionProblem problem = make_problem(Communicator::world(), whole, AttentionVariables::joint);
  const Vector theta = test_point(problem, 3);
  const auto point = problem.evaluate(theta);
  const std::vector<double> x(theta.begin(), theta.begin() + problem.unknowns_x());
  const std::vector<double> y(theta.begin() + problem.unknowns_x(), theta.end());
  double squares = 0;
  for (const double c : plain_residual(whole, x, y)) squares += c * c;
  EXPECT_NEAR(point->objective().data_loss, squares / 2, 1e-13 * squares);
  EXPECT_NEAR(point->objective().relative_residual, std::sqrt(squares) / whole.b.norm(), 1e-13);
}

TEST(AttentionProblem, ProjectedYIsTheBestY) {
  const WholeAttention whole = make_whole({.name = "causal", .query_lengths = {8, 5}, .causal = true}, 6);
  const AttentionProblem projected =
      make_problem(Communicator::world(), whole, AttentionVariables::projected);
  const AttentionProblem joint = make_problem(Communicator::world(), whole, AttentionVariables::joint);
  const auto reduced = projected.evaluate(test_point(projected, 1));
  const auto& at = static_cast<const AttentionPoint&>(*reduced);
  const auto full = joint.evaluate(joint.theta_of(at.x, at.y));
  EXPECT_NEAR(full->objective().loss, reduced->objective().loss, 1e-14);
  const Vector gradient = joint.gradient(*full);
  EXPECT_LE(gradient.tail(joint.unknowns_y()).norm(), 1e-12);
  EXPECT_LE((gradient.head(joint.unknowns_x()) - projected.gradient(*reduced)).norm(), 1e-12);
  EXPECT_LE((projected.least_squares_y(at.x) - at.y).norm(), 1e-12);
}

TEST(AttentionProblem, AZeroTargetHasAZeroResidual) {
  WholeAttention whole = make_whole({.name = "sequence", .query_lengths = {7}}, 8);
  whole.b.setZero();
  const AttentionProblem problem = make_problem(Communicator::world(), whole, AttentionVariables::projected);
  const auto point = problem.evaluate(test_point(problem, 1));
  EXPECT_EQ(point->objective().relative_residual, 0);
  EXPECT_TRUE(point->objective().is_finite());
}

TEST(AttentionProblem, RefusesSharesThatDoNotFit) {
  const auto comm = Communicator::world();
  const auto data_with = [](Index target_rows, Range queries, Range keys) {
    AttentionData data;
    data.queries = Matrix::Ones(4, 2);
    data.keys = Matrix::Ones(4, 2);
    data.target = Matrix::Ones(target_rows, 1);
    data.sequences = {{.queries = queries, .keys = keys, .owns_keys = true}};
    return data;
  };
  const auto make = [&](AttentionData data, const RegulariserOptions& options = {}) {
    AttentionProblem(comm, std::move(data), options, AttentionVariables::joint);
  };
  EXPECT_NO_THROW(make(data_with(4, {0, 4}, {0, 4})));
  EXPECT_THROW(make(data_with(3, {0, 4}, {0, 4})), DataError);
  EXPECT_THROW(make(data_with(4, {0, 3}, {0, 4})), DataError) << "a query in no sequence";
  EXPECT_THROW(make(data_with(4, {0, 4}, {0, 0})), DataError) << "no keys";
  EXPECT_THROW(make(data_with(4, {0, 4}, {0, 5})), DataError) << "keys beyond the rows";
  EXPECT_THROW(make(data_with(4, {0, 4}, {0, 4}), {.ridge = -1}), UsageError);
  EXPECT_THROW(
      make(data_with(4, {0, 4}, {0, 4}), {.query_weights = Vector::Ones(3), .key_weights = Vector::Ones(4)}),
      DataError);
}

TEST(AttentionProblem, OverflowAndSingularSystemsAreObstaclesNotCrashes) {
  WholeAttention whole = make_whole({.name = "sequence", .query_lengths = {6}, .ridge = 0}, 7);
  const AttentionProblem problem = make_problem(Communicator::world(), whole, AttentionVariables::projected);
  const auto overflow = problem.evaluate(Vector::Constant(problem.unknowns(), 1e308));
  EXPECT_FALSE(overflow->objective().is_finite());
  EXPECT_NE(overflow->obstacle().find("overflow"), std::string::npos);

  whole.a1.col(1) = whole.a1.col(0);
  whole.a2 = whole.a1;
  for (const auto variables : {AttentionVariables::projected, AttentionVariables::joint}) {
    const AttentionProblem singular = make_problem(Communicator::world(), whole, variables);
    const auto point = singular.evaluate(Vector::Zero(singular.unknowns()));
    EXPECT_FALSE(point->objective().is_finite());
    EXPECT_NE(point->obstacle().find("--ridge"), std::string::npos);
    EXPECT_THROW(singular.least_squares_y(Matrix::Zero(3, 3)), NumericalError);
  }
}

}  // namespace
}  // namespace attnewton
