// The Lipschitz constant of H_xx against differences of Hessians by hyper-dual numbers.
#include "attnewton/problems/attention_bounds.hpp"

#include <gtest/gtest.h>

#include "attnewton/random/stream.hpp"

#include "support/attention_oracle.hpp"
#include "support/dense_spectrum.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

TEST(AttentionBounds, NoChangeOfTheHessianInXIsFaster) {
  std::uint64_t seed = 40;
  for (const WholeShape& shape : test_shapes()) {
    SCOPED_TRACE(shape.name);
    const WholeAttention whole = make_whole(shape, seed += 7);
    const AttentionProblem problem = make_problem(Communicator::world(), whole, AttentionVariables::joint);
    const Index of_x = problem.unknowns_x();
    const Vector theta = test_point(problem, seed);
    const Matrix y =
        ConstMatrixView(theta.data() + of_x, problem.data().value_width(), problem.data().output_width());
    const double constant = h_xx_lipschitz_constant(problem, y);
    for (Index trial = 0; trial < 2; ++trial) {
      const Vector direction =
          RandomStream(seed, RandomPurpose::directions, static_cast<std::uint64_t>(trial))
              .normal_rows({0, of_x}, 1)
              .col(0)
              .normalized();
      Vector moved = theta;
      const double distance = trial == 0 ? 0.01 : 0.5;
      moved.head(of_x) += distance * direction;
      const auto h_xx = [&](const Vector& at) {
        return Matrix(
            attention_oracle(whole, AttentionVariables::joint, at).hessian.topLeftCorner(of_x, of_x));
      };
      EXPECT_LE(symmetric_norm(h_xx(moved) - h_xx(theta)), constant * distance * (1 + 1e-9) + 1e-14);
    }
  }
}

TEST(AttentionBounds, IsTheSameOnAnyNumberOfRanks) {
  std::uint64_t seed = 90;
  for (const WholeShape& shape : test_shapes()) {
    SCOPED_TRACE(shape.name);
    const WholeAttention whole = make_whole(shape, seed += 7);
    const AttentionProblem shared = make_problem(Communicator::world(), whole, AttentionVariables::joint);
    const AttentionProblem alone = make_problem(Communicator::self(), whole, AttentionVariables::joint);
    const Matrix y = Matrix::Ones(alone.data().value_width(), alone.data().output_width());
    const double expected = h_xx_lipschitz_constant(alone, y);
    EXPECT_NEAR(h_xx_lipschitz_constant(shared, y), expected, 1e-12 * expected);
  }
}

}  // namespace
}  // namespace attnewton
