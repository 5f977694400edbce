// In-context shift: with the target that it gives, the problem that was not moved has the moved one's
// residual.
#include "attnewton/problems/context_shift.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"
#include "attnewton/random/stream.hpp"

#include "support/whole_regression.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

// A with every entry that is not 0 somewhat larger.
Matrix moved_rows(const Matrix& a) {
  Matrix moved = a;
  for (Index i = 0; i < a.rows(); ++i) {
    for (Index j = 0; j < a.cols(); ++j) moved(i, j) *= 1 + 0.02 * std::sin(static_cast<double>(3 * i + j));
  }
  return moved;
}

// The residual at x of `problem` with b̃ for b.
Vector residual_with(const RegressionProblem& problem, const Vector& x, const Vector& target) {
  RegressionData data = problem.data();
  data.target = target;
  const RegressionProblem other(problem.comm(), std::move(data), problem.options());
  const auto point = other.evaluate(x);
  return other.residual(of_regression(point));
}

void expect_equivalent(const RegressionProblem& problem, const Vector& x, const ContextShift& shift,
                       const Vector& moved_residual) {
  const Vector residual = residual_with(problem, x, shift.moved_target);
  const double scale = 1 + moved_residual.norm();
  EXPECT_LE((residual - moved_residual).norm(), 1e-12 * scale);
  const double left =
      std::sqrt(problem.comm().sum((shift.moved_target - problem.data().target).squaredNorm()));
  EXPECT_NEAR(shift.target_shift, left, 1e-13 * (1 + left));
  EXPECT_LE(shift.target_shift, shift.residual_shift * (1 + 1e-11) + 1e-14);
  EXPECT_NEAR(shift.target_shift, shift.residual_shift, 1e-11 * shift.residual_shift + 1e-14) << "equality";
  EXPECT_LE(shift.residual_shift, shift.residual_shift_bound * (1 + 1e-11) + 1e-14);
  EXPECT_LE(shift.residual_shift_bound, 500 * shift.residual_shift) << "the bound should mean something";
}

TEST(ContextShift, OfUnknownsIsAShiftOfTheTarget) {
  for (const WholeRegression& whole : test_regressions()) {
    for (const Storage storage : storages) {
      SCOPED_TRACE(whole.name());
      const RegressionProblem problem = regression_problem(Communicator::world(), whole, storage);
      const Vector x = positive_point(5, 80);
      const Vector moved = x + 0.05 * positive_point(5, 81);
      const ContextShift shift = shift_of_unknowns(problem, x, moved);
      const auto point = problem.evaluate(moved);
      expect_equivalent(problem, x, shift, problem.residual(of_regression(point)));
      EXPECT_NEAR(shift.score_shift, (whole.a * (moved - x)).norm(), 1e-13);
    }
  }
}

TEST(ContextShift, OfRowsIsAShiftOfTheTarget) {
  for (const WholeRegression& whole : test_regressions()) {
    for (const Storage storage : storages) {
      SCOPED_TRACE(whole.name());
      WholeRegression other = whole;
      other.a = moved_rows(whole.a);
      const RegressionProblem problem = regression_problem(Communicator::world(), whole, storage);
      const RegressionProblem there = regression_problem(Communicator::world(), other, storage);
      const Vector x = positive_point(5, 82);
      const ContextShift shift = shift_of_rows(problem, x, there.data().a);
      const auto point = there.evaluate(x);
      expect_equivalent(problem, x, shift, there.residual(of_regression(point)));
      EXPECT_NEAR(shift.score_shift, ((other.a - whole.a) * x).norm(), 1e-13);
    }
  }
}

TEST(ContextShift, IsTheSameOnAnyNumberOfRanks) {
  for (const WholeRegression& whole : test_regressions()) {
    SCOPED_TRACE(whole.name());
    const Vector x = positive_point(5, 83);
    const Vector moved = x + 0.02 * positive_point(5, 84);
    const auto shared =
        shift_of_unknowns(regression_problem(Communicator::world(), whole, Storage::sparse), x, moved);
    const auto alone =
        shift_of_unknowns(regression_problem(Communicator::self(), whole, Storage::dense), x, moved);
    EXPECT_NEAR(shared.target_shift, alone.target_shift, 1e-11 * alone.target_shift);
    EXPECT_NEAR(shared.residual_shift, alone.residual_shift, 1e-11 * alone.residual_shift);
    EXPECT_NEAR(shared.residual_shift_bound, alone.residual_shift_bound, 1e-11 * alone.residual_shift_bound);
    EXPECT_NEAR(shared.alpha, alone.alpha, 1e-12 * std::abs(alone.alpha));
  }
}

TEST(ContextShift, OfNothingIsNothing) {
  const WholeRegression whole = test_regressions()[1];
  const RegressionProblem problem = regression_problem(Communicator::world(), whole, Storage::dense);
  const Vector x = positive_point(5, 85);
  const ContextShift shift = shift_of_unknowns(problem, x, x);
  EXPECT_LE(shift.target_shift, 1e-15);
  EXPECT_EQ(shift.residual_shift, 0);
  EXPECT_EQ(shift.residual_shift_bound, 0);
}

TEST(ContextShift, WhatDoesNotFitIsRefused) {
  const WholeRegression whole = test_regressions()[1];
  const RegressionProblem problem = regression_problem(Communicator::world(), whole, Storage::dense);
  const Vector x = positive_point(5, 86);
  EXPECT_THROW(shift_of_rows(problem, x, Matrix(Matrix::Ones(problem.data().a.rows(), 4))), DataError);
  EXPECT_THROW(shift_of_unknowns(problem, x, 1e9 * x), NumericalError);
  // The sum of sinh is 0 at x = 0.
  WholeRegression odd = whole;
  odd.link = {Link::sinh};
  odd.normalisation = Normalisation::rescaled;
  const RegressionProblem zero = regression_problem(Communicator::world(), odd, Storage::dense);
  EXPECT_THROW(shift_of_unknowns(zero, Vector::Zero(5), x), NumericalError);
}

}  // namespace
}  // namespace attnewton
