// The assembled Hessian against hyper-dual numbers, entry by entry.
#include "attnewton/curvature/attention_hessian.hpp"

#include <gtest/gtest.h>

#include "support/attention_oracle.hpp"
#include "support/gather.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

class AttentionHessianForms : public testing::TestWithParam<AttentionVariables> {
 protected:
  // A block of 4 so that the tiny Hessians of the tests are spread over all ranks.
  static Matrix assembled(const AttentionProblem& problem, const Point& point, HessianForm form) {
    const auto grid = std::make_shared<ProcessGrid>(problem.comm());
    DistributedMatrix h(grid, problem.unknowns(), problem.unknowns(), 4);
    h.add_to_diagonal(99, problem.unknowns());  // assemble must overwrite
    AttentionHessian(problem, form).assemble(point, 0, h);
    return gather_symmetric(h);
  }
};

TEST_P(AttentionHessianForms, ExactAgreesWithHyperDualNumbers) {
  std::uint64_t seed = 500;
  for (const WholeShape& shape : test_shapes()) {
    SCOPED_TRACE(shape.name);
    const WholeAttention whole = make_whole(shape, seed += 10);
    const AttentionProblem problem = make_problem(Communicator::world(), whole, GetParam());
    const Vector theta = test_point(problem, seed);
    const Matrix expected = attention_oracle(whole, GetParam(), theta).hessian;
    const Matrix h = assembled(problem, *problem.evaluate(theta), HessianForm::exact);
    EXPECT_LE((h - expected).cwiseAbs().maxCoeff(), 1e-12 * expected.cwiseAbs().maxCoeff() + 1e-15);
  }
}

TEST_P(AttentionHessianForms, GaussNewtonAgreesWithTheJacobiansSquare) {
  std::uint64_t seed = 900;
  for (const WholeShape& shape : test_shapes()) {
    SCOPED_TRACE(shape.name);
    const WholeAttention whole = make_whole(shape, seed += 10);
    const AttentionProblem problem = make_problem(Communicator::world(), whole, GetParam());
    const Vector theta = test_point(problem, seed);
    const Matrix expected = gauss_newton_oracle(whole, GetParam(), theta);
    const Matrix h = assembled(problem, *problem.evaluate(theta), HessianForm::gauss_newton);
    EXPECT_LE((h - expected).cwiseAbs().maxCoeff(), 1e-12 * expected.cwiseAbs().maxCoeff() + 1e-15);
  }
}

INSTANTIATE_TEST_SUITE_P(Variables, AttentionHessianForms,
                         testing::Values(AttentionVariables::projected, AttentionVariables::joint));

// Both forms; 2e-5 is some hundred roundings of single precision. Rows in several chunks, several 256s at
// once.
TEST(AttentionHessian, MixedPrecisionIsSinglePrecisionsDistanceFromDouble) {
  const WholeAttention whole = make_whole(
      {.name = "causal", .query_lengths = {700, 30}, .d1 = 6, .d2 = 6, .d3 = 6, .e = 4, .causal = true}, 21);
  const auto comm = Communicator::world();
  for (const auto variables : {AttentionVariables::projected, AttentionVariables::joint}) {
    const AttentionProblem full = make_problem(comm, whole, variables);
    const AttentionProblem mixed = make_problem(comm, whole, variables, Precision::mixed);
    const Vector theta = 0.3 * test_point(full, 22);
    for (const HessianForm form : {HessianForm::exact, HessianForm::gauss_newton}) {
      const auto assembled = [&](const AttentionProblem& problem, const Point& point) {
        DistributedMatrix h(std::make_shared<ProcessGrid>(comm), full.unknowns(), full.unknowns(), 4);
        AttentionHessian(problem, form).assemble(point, 0, h);
        return gather_symmetric(h);
      };
      const Matrix expected = assembled(full, *full.evaluate(theta));
      const Matrix coarse = assembled(mixed, *mixed.evaluate_fully(theta, Precision::mixed));
      const double error = (coarse - expected).norm() / expected.norm();
      EXPECT_LE(error, 2e-5);
      EXPECT_GE(error, 1e-9) << "float was not used";
      EXPECT_EQ(assembled(mixed, *mixed.evaluate_fully(theta, Precision::full)), expected);
    }
  }
}

// Sequences longer than a tile and than the keys taken at once, several chunks of rows: against the
// matrix-free product, which the hyper-dual tests tie to the definition.
TEST(AttentionHessian, LongSequencesGoThroughTilesAndChunks) {
  const std::vector<WholeShape> shapes = {
      {.name = "causal", .query_lengths = {301, 40, 1500}, .d1 = 5, .d2 = 5, .e = 3, .causal = true},
      {.name = "separate values", .query_lengths = {300}, .d1 = 4, .d2 = 4, .d3 = 3, .separate_values = true},
      {.name = "cross",
       .query_lengths = {90, 130},
       .key_lengths = {310, 140},
       .d1 = 3,
       .d2 = 4,
       .d3 = 4,
       .self_attention = false},
  };
  for (const WholeShape& shape : shapes) {
    SCOPED_TRACE(shape.name);
    const WholeAttention whole = make_whole(shape, 11);
    const AttentionProblem problem =
        make_problem(Communicator::world(), whole, AttentionVariables::projected);
    const auto point = problem.evaluate(0.3 * test_point(problem, 2));
    const auto grid = std::make_shared<ProcessGrid>(problem.comm());
    DistributedMatrix h(grid, problem.unknowns(), problem.unknowns(), 4);
    AttentionHessian(problem, HessianForm::exact).assemble(*point, 0, h);
    const Vector v = test_point(problem, 3);
    const Vector expected = problem.hessian_vector(*point, v);
    EXPECT_LE((symmetric_multiply(h, v) - expected).norm(), 1e-11 * expected.norm());
  }
}

}  // namespace
}  // namespace attnewton
