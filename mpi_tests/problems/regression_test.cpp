// Derivatives of the regressions on one vector against hyper-dual numbers and differences; shares of any
// number of ranks against the whole.
#include "attnewton/problems/regression.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"
#include "attnewton/problems/derivative_check.hpp"

#include "support/whole_regression.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

// φ′∘ψ = φ up to one factor; for cosh, which has no such ψ around 0, far from it.
TEST(Link, ScalingDirectionScalesTheLink) {
  const Vector z = Vector::LinSpaced(40, 0.05, 6);
  for (const LinkFunction& link : {LinkFunction{Link::exp},
                                   {Link::sinh},
                                   {Link::soft_residual},
                                   {Link::power, 0.5},
                                   {Link::power, -1.5},
                                   {Link::identity},
                                   {Link::cosh}}) {
    const LinkValues values = evaluate_link(link, z);
    const Vector scaled = values.slope.cwiseProduct(scaling_direction(link, z, values));
    const Vector factors = scaled.cwiseQuotient(values.value);
    const Index first = link.kind == Link::cosh ? 30 : 0;
    const double tolerance = link.kind == Link::cosh ? 1e-2 : 1e-12;
    for (Index i = first; i < 40; ++i)
      EXPECT_NEAR(factors[i], factors[39], tolerance * std::abs(factors[39])) << formula(link);
  }
  EXPECT_TRUE(scaling_direction({Link::cosh}, Vector::Zero(2), evaluate_link({Link::cosh}, Vector::Zero(2)))
                  .allFinite());
}

TEST(Regression, DerivativesAgreeWithDifferences) {
  for (const WholeRegression& whole : test_regressions()) {
    for (const Storage storage : storages) {
      SCOPED_TRACE(whole.name());
      const RegressionProblem problem = regression_problem(Communicator::world(), whole, storage);
      const DerivativeErrors errors =
          check_derivatives(problem, positive_point(problem.unknowns(), 7), {}, {.step = 3e-4});
      EXPECT_LE(errors.gradient, 1e-7);
      EXPECT_LE(errors.hessian_vector, 1e-7);
    }
  }
}

TEST(Regression, AgreesWithHyperDualNumbers) {
  for (const WholeRegression& whole : test_regressions()) {
    for (const Storage storage : storages) {
      SCOPED_TRACE(whole.name());
      const RegressionProblem problem = regression_problem(Communicator::world(), whole, storage);
      const Vector x = positive_point(problem.unknowns(), 8);
      const SecondOrder expected = regression_oracle(whole, x);
      const auto point = problem.evaluate(x);
      EXPECT_NEAR(point->objective().loss, expected.value, 1e-13 * expected.value);
      EXPECT_LE((problem.gradient(*point) - expected.gradient).norm(), 1e-12 * expected.gradient.norm());
      const Vector v = positive_point(problem.unknowns(), 9);
      EXPECT_LE((problem.hessian_vector(*point, v) - expected.hessian * v).norm(),
                1e-12 * expected.hessian.norm() * v.norm());
    }
  }
}

TEST(Regression, IsTheSameProblemOnAnyNumberOfRanks) {
  for (const WholeRegression& whole : test_regressions()) {
    for (const Storage storage : storages) {
      SCOPED_TRACE(whole.name());
      const RegressionProblem shared = regression_problem(Communicator::world(), whole, storage);
      const RegressionProblem alone = regression_problem(Communicator::self(), whole, Storage::dense);
      const Vector x = positive_point(shared.unknowns(), 10);
      const auto here = shared.evaluate(x);
      const auto there = alone.evaluate(x);
      EXPECT_NEAR(here->objective().loss, there->objective().loss, 1e-13 * there->objective().loss);
      EXPECT_NEAR(here->objective().data_loss, there->objective().data_loss,
                  1e-13 * there->objective().data_loss);
      EXPECT_NEAR(here->objective().relative_residual, there->objective().relative_residual, 1e-12);
      const Vector gradient = alone.gradient(*there);
      EXPECT_LE((shared.gradient(*here) - gradient).norm(), 1e-13 * gradient.norm());
      const Vector v = positive_point(shared.unknowns(), 11);
      const Vector product = alone.hessian_vector(*there, v);
      EXPECT_LE((shared.hessian_vector(*here, v) - product).norm(), 1e-12 * product.norm());
    }
  }
}

TEST(Regression, RelativeResidualIsThatToTheTarget) {
  WholeRegression whole{Matrix::Identity(3, 3), Vector::Constant(3, 2), {}, {Link::identity}};
  whole.normalisation = Normalisation::none;
  const RegressionProblem problem = regression_problem(Communicator::world(), whole, Storage::dense);
  EXPECT_NEAR(problem.evaluate(Vector::Constant(3, 3))->objective().relative_residual, 0.5, 1e-15);
  EXPECT_EQ(problem.evaluate(Vector::Constant(3, 2))->objective().relative_residual, 0);
}

// A column of ones moves all scores at once: softmax of exp does not see it, however far.
TEST(Regression, SoftmaxOfExpNeverOverflows) {
  WholeRegression whole = test_regressions()[2];
  ASSERT_EQ(whole.normalisation, Normalisation::softmax);
  whole.weights.resize(0);
  whole.ridge = 0;
  whole.a.col(0).setOnes();
  const RegressionProblem problem = regression_problem(Communicator::world(), whole, Storage::sparse);
  Vector x = positive_point(problem.unknowns(), 12);
  const Vector v = positive_point(problem.unknowns(), 13);
  const auto point = problem.evaluate(x);
  for (const double shift : {-1e5, -700.0, 700.0, 1e5}) {
    x[0] += shift;
    const auto moved = problem.evaluate(x);
    x[0] -= shift;
    const double loss = point->objective().loss;
    EXPECT_NEAR(moved->objective().loss, loss, 1e-9 * loss);
    EXPECT_LE((problem.gradient(*moved) - problem.gradient(*point)).norm(),
              1e-9 * problem.gradient(*point).norm());
    const Vector product = problem.hessian_vector(*point, v);
    EXPECT_LE((problem.hessian_vector(*moved, v) - product).norm(), 1e-9 * product.norm());
  }
  x[1] = 1e6;  // rows far apart
  EXPECT_TRUE(problem.evaluate(x)->objective().is_finite());
}

// The obstacle of a problem with A = I of order `rows`, so that z = x.
std::string obstacle_at(const LinkFunction& link, Normalisation normalisation, const Vector& x) {
  const WholeRegression whole{
      Matrix::Identity(x.size(), x.size()), Vector::Ones(x.size()), {}, link, normalisation};
  const RegressionProblem problem = regression_problem(Communicator::world(), whole, Storage::sparse);
  const auto point = problem.evaluate(x);
  EXPECT_EQ(point->objective().is_finite(), point->obstacle().empty());
  return point->obstacle();
}

TEST(Regression, NamesTheFirstRowOutsideTheDomain) {
  const auto expect = [](const std::string& obstacle, const std::string& part) {
    EXPECT_NE(obstacle.find(part), std::string::npos) << obstacle << "\nlacks: " << part;
  };
  Vector x = Vector::Ones(24);
  x[17] = 800;
  x[23] = 900;
  for (const Link link : {Link::exp, Link::cosh, Link::sinh, Link::soft_residual}) {
    const std::string obstacle = obstacle_at({link}, Normalisation::rescaled, x);
    expect(obstacle, "row 17 (counted from 0): z = (A x) = 800, where the link");
    expect(obstacle, "overflows");
  }
  expect(obstacle_at({Link::cosh}, Normalisation::softmax, x), "row 17");
  EXPECT_EQ(obstacle_at({Link::exp}, Normalisation::softmax, x), "");

  x = Vector::Ones(24);
  x[5] = -2;
  x[20] = -3;
  expect(obstacle_at({Link::power, 0.5}, Normalisation::none, x), "row 5 (counted from 0): z = (A x) = -2");
  expect(obstacle_at({Link::power, 0.5}, Normalisation::none, x), "the link z^0.5 is not defined");
  EXPECT_EQ(obstacle_at({Link::power, 3}, Normalisation::none, x), "");
  x[5] = 0;
  x[20] = 1;
  for (const double exponent : {-1.0, 0.5, 1.5})
    expect(obstacle_at({Link::power, exponent}, Normalisation::none, x),
           "row 5 (counted from 0): z = (A x) = 0");
  for (const double exponent : {0.0, 1.0, 2.0, 2.5})
    EXPECT_EQ(obstacle_at({Link::power, exponent}, Normalisation::none, x), "");

  x[22] = std::nan("");
  for (const auto normalisation : {Normalisation::none, Normalisation::rescaled, Normalisation::softmax})
    expect(obstacle_at({Link::exp}, normalisation, x),
           "row 22 (counted from 0): z = (A x) = nan is not finite");
}

TEST(Regression, SaysWhereSoftmaxDividesByNothing) {
  Vector x = Vector::Ones(24);
  for (Index i = 0; i < 24; i += 2) x[i] = -1;
  for (const LinkFunction link : {LinkFunction{Link::sinh}, {Link::power, 3}, {Link::identity}}) {
    for (const Vector& point : {x, Vector(Vector::Zero(24))}) {
      EXPECT_NE(obstacle_at(link, Normalisation::softmax, point).find("softmax divides by it"),
                std::string::npos);
      EXPECT_EQ(obstacle_at(link, Normalisation::rescaled, point), "");
    }
  }
  // exp(z) + z is 0 near z = −0.5671.
  const Vector zero = Vector::Constant(24, -0.56714329040978387);
  EXPECT_NE(obstacle_at({Link::soft_residual}, Normalisation::softmax, zero), "");
  EXPECT_EQ(obstacle_at({Link::soft_residual}, Normalisation::softmax, Vector::Zero(24)), "");
}

TEST(Regression, SaysWhenTheLossOverflows) {
  WholeRegression whole{Matrix::Identity(6, 6), Vector::Constant(6, 1e200), {}, {Link::identity}};
  const RegressionProblem problem = regression_problem(Communicator::world(), whole, Storage::dense);
  const auto point = problem.evaluate(Vector::Ones(6));
  EXPECT_FALSE(point->objective().is_finite());
  EXPECT_NE(point->obstacle().find("the loss overflows"), std::string::npos);
}

// Every rank meets the error that one rank's share has.
TEST(Regression, RefusesSharesThatDoNotFit) {
  const auto comm = Communicator::world();
  const bool is_last = comm.rank() == comm.size() - 1;
  const WholeRegression whole = test_regressions().front();
  const auto made_with = [&](const auto& spoil) {
    RegressionData data = regression_data(comm, whole, Storage::dense);
    RegressionOptions options = regression_options(comm, whole);
    if (is_last) spoil(data, options);
    return RegressionProblem(comm, std::move(data), std::move(options)).unknowns();
  };
  EXPECT_EQ(made_with([](RegressionData&, RegressionOptions&) {}), 5);
  EXPECT_THROW(made_with([](RegressionData& data, RegressionOptions&) { data.target = Vector::Ones(99); }),
               DataError);
  EXPECT_THROW(made_with([](RegressionData&, RegressionOptions& o) { o.weights = Vector::Ones(99); }),
               DataError);
  EXPECT_THROW(made_with([](RegressionData& data, RegressionOptions&) {
                 data = {Matrix(Matrix::Constant(1, 5, std::nan(""))), Vector::Ones(1), 0};
               }),
               DataError);
  EXPECT_THROW(made_with([](RegressionData& data, RegressionOptions&) {
                 data = {Matrix(Matrix::Ones(1, 5)), Vector::Constant(1, INFINITY), 0};
               }),
               DataError);
  EXPECT_THROW(made_with([](RegressionData& data, RegressionOptions&) {
                 data = {Matrix(Matrix::Ones(1, 0)), Vector::Ones(1), 0};
               }),
               DataError);
  EXPECT_THROW(made_with([](RegressionData&, RegressionOptions& o) { o.ridge = -1; }), UsageError);
  EXPECT_THROW(made_with([](RegressionData&, RegressionOptions& o) {
                 o.link = {Link::power, INFINITY};
               }),
               UsageError);
  EXPECT_THROW(RegressionProblem(comm, {Matrix(0, 5), Vector(0), 0}, {}), DataError);
  if (comm.size() == 1) return;
  EXPECT_THROW(made_with([](RegressionData& data, RegressionOptions&) {
                 data = {Matrix(Matrix::Ones(1, 6)), Vector::Ones(1), 0};
               }),
               DataError);
  EXPECT_THROW(made_with([](RegressionData& data, RegressionOptions& o) {
                 data = {Matrix(Matrix::Ones(1, 5)), Vector::Ones(1), 0};
                 o.weights = Vector::Ones(1);
               }),
               DataError);
}

}  // namespace
}  // namespace attnewton
