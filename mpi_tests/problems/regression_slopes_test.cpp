// Derivatives of regressions at points whose evaluation began at another one: what came with the pass over A
// must be what a pass of its own would give.
#include <cmath>
#include <utility>

#include <gtest/gtest.h>

#include "attnewton/problems/regression.hpp"
#include "attnewton/random/stream.hpp"

#include "support/whole_regression.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

bool has_slopes(const Point& point) {
  return static_cast<const RegressionPoint&>(point).slopes.has_value();
}

// Moves of a hundredth, and to a point that has nothing to do with the one before.
TEST(RegressionSlopes, AgreeWithHyperDualNumbersAfterAnotherPoint) {
  for (const WholeRegression& whole : test_regressions()) {
    for (const Storage storage : storages) {
      SCOPED_TRACE(whole.name());
      const RegressionProblem problem = regression_problem(Communicator::world(), whole, storage);
      const Vector x = positive_point(problem.unknowns(), 61);
      const Vector v = positive_point(problem.unknowns(), 62);
      for (const Vector& before : {Vector(x + 0.01 * v), positive_point(problem.unknowns(), 63)}) {
        problem.gradient(*problem.evaluate(before));
        const auto point = problem.evaluate(x);
        EXPECT_TRUE(has_slopes(*point));
        const SecondOrder expected = regression_oracle(whole, x);
        EXPECT_NEAR(point->objective().loss, expected.value, 1e-13 * expected.value);
        EXPECT_LE((problem.gradient(*point) - expected.gradient).norm(), 1e-12 * expected.gradient.norm());
        EXPECT_LE((problem.hessian_vector(*point, v) - expected.hessian * v).norm(),
                  1e-12 * expected.hessian.norm() * v.norm());
      }
    }
  }
}

// Rows of normal numbers after a one, and the target that x* has, without noise.
struct Planted {
  WholeRegression whole;
  Vector x;
};

Planted planted(const LinkFunction& link, Normalisation normalisation, Index rows) {
  constexpr Index columns = 6;
  Planted result{{RandomStream(64, RandomPurpose::inputs).normal_rows({0, rows}, columns), Vector(rows)},
                 0.3 * RandomStream(64, RandomPurpose::planted_x).normal_rows({0, columns}, 1).col(0)};
  result.whole.a.col(0).setOnes();
  result.whole.link = link;
  result.whole.normalisation = normalisation;
  result.whole.ridge = 0;
  const Vector z = result.whole.a * result.x;
  const Vector u = link.kind == Link::exp ? Vector(z.array().exp()) : Vector(z.array().cosh());
  result.whole.b = normalisation == Normalisation::none ? u : Vector(u / u.sum());
  return result;
}

// Next to a solution the gradient is what is left of terms that cancel: by a step towards it as small as
// that of rounding, and where the point before was too far away for that, by a pass of its own.
TEST(RegressionSlopes, KeepTheirDigitsAtASolution) {
  for (const auto normalisation : {Normalisation::rescaled, Normalisation::softmax}) {
    for (const LinkFunction link : {LinkFunction{Link::exp}, {Link::cosh}}) {
      const Planted solution = planted(link, normalisation, 5000);
      SCOPED_TRACE(solution.whole.name());
      const RegressionProblem problem =
          regression_problem(Communicator::world(), solution.whole, Storage::dense);
      const auto fresh = problem.evaluate(solution.x);
      EXPECT_FALSE(has_slopes(*fresh));
      const double far = problem.gradient(*problem.evaluate(Vector::Constant(6, 0.2))).norm();
      const auto from_afar = problem.evaluate(solution.x);
      EXPECT_FALSE(has_slopes(*from_afar));  // too much of it would cancel
      EXPECT_LE(problem.gradient(*from_afar).norm(), 1e-14 * far);
      for (const double distance : {1e-4, 1e-8}) {
        const Vector x = solution.x + distance * Vector::Unit(6, 2);
        const auto near = problem.evaluate(x);
        EXPECT_TRUE(has_slopes(*near));
        const RegressionProblem other =
            regression_problem(Communicator::world(), solution.whole, Storage::dense);
        const Vector expected = other.gradient(*other.evaluate(x));
        EXPECT_LE((problem.gradient(*near) - expected).norm(), 1e-15 * far);
      }
    }
  }
}

// Where all z are large, cosh(z) = e^z / 2, and half of it is lost in the quotient.
TEST(RegressionSlopes, AreFiniteWhereTheLinksSquareOverflows) {
  Planted solution = planted({Link::cosh}, Normalisation::softmax, 500);
  const RegressionProblem cosh = regression_problem(Communicator::world(), solution.whole, Storage::dense);
  solution.whole.link = {Link::exp};
  const RegressionProblem exp = regression_problem(Communicator::world(), solution.whole, Storage::dense);
  const Vector v = positive_point(6, 65);
  for (const double step : {0.0, 0.01, 0.1}) {
    const Vector x = 600 * Vector::Unit(6, 0) + step * v;
    const auto point = cosh.evaluate(x);
    const auto expected_point = exp.evaluate(x);
    const Vector expected = exp.gradient(*expected_point);
    EXPECT_LE((cosh.gradient(*point) - expected).norm(), 1e-10 * expected.norm());
    const Vector product = exp.hessian_vector(*expected_point, v);
    EXPECT_LE((cosh.hessian_vector(*point, v) - product).norm(), 1e-10 * product.norm());
  }
}

// λ′²uv, and with it a term of the gradient, vanishes where λ′ is the one of large z, and overflows the other
// way round.
TEST(RegressionSlopes, AreNotTakenAtTheScaleOfAPointFarAway) {
  const Planted solution = planted({Link::cosh}, Normalisation::softmax, 500);
  const Vector near = positive_point(6, 66);
  const Vector far = 600 * Vector::Unit(6, 0) + near;
  for (const auto& [before, x] : {std::pair{far, near}, std::pair{near, far}}) {
    const RegressionProblem problem =
        regression_problem(Communicator::world(), solution.whole, Storage::dense);
    const Vector expected = problem.gradient(*problem.evaluate(x));
    problem.gradient(*problem.evaluate(before));
    const auto point = problem.evaluate(x);
    EXPECT_FALSE(has_slopes(*point));
    EXPECT_LE((problem.gradient(*point) - expected).norm(), 1e-12 * expected.norm());
  }
}

TEST(RegressionSlopes, AreNotTakenAtTheShiftOfAPointFarAway) {
  const Planted solution = planted({Link::exp}, Normalisation::softmax, 500);
  const RegressionProblem problem = regression_problem(Communicator::world(), solution.whole, Storage::dense);
  const Vector gradient = problem.gradient(*problem.evaluate(Vector::Zero(6)));
  for (const double shift : {-1e5, -700.0, 0.01, 90.0, 700.0, 1e5}) {
    const auto moved = problem.evaluate(shift * Vector::Unit(6, 0));
    EXPECT_EQ(has_slopes(*moved), shift == 0.01) << shift;
    EXPECT_LE((problem.gradient(*moved) - gradient).norm(), 1e-9 * gradient.norm()) << shift;
    problem.gradient(*problem.evaluate(Vector::Zero(6)));
  }
}

}  // namespace
}  // namespace attnewton
