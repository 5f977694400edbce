// Lipschitz constants against third derivatives and differences of Hessians, from the definition of the loss
// alone: none may exceed its bound.
#include <cmath>

#include <gtest/gtest.h>

#include "attnewton/problems/regression_bounds.hpp"
#include "attnewton/random/stream.hpp"

#include "support/dense_spectrum.hpp"
#include "support/whole_regression.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

// ½‖softmax(z) − b‖², in extended precision.
long double softmax_loss(const Vector& z, const Vector& b) {
  long double alpha = 0;
  for (const double entry : z) alpha += std::exp(static_cast<long double>(entry));
  long double twice = 0;
  for (Index i = 0; i < z.size(); ++i) {
    const long double r = std::exp(static_cast<long double>(z[i])) / alpha - static_cast<long double>(b[i]);
    twice += r * r;
  }
  return twice / 2;
}

// Its third derivative along u, by a difference whose error is some 1e-6.
double third_derivative(const Vector& z, const Vector& u, const Vector& b) {
  constexpr double h = 1.0 / 1024;
  const auto at = [&](double t) { return softmax_loss(z + t * u, b); };
  return static_cast<double>((at(2 * h) - 2 * at(h) + 2 * at(-h) - at(-2 * h)) /
                             (2 * static_cast<long double>(h * h * h)));
}

LipschitzConstants constants_of(const RegressionProblem& problem, const WholeRegression& whole,
                                const Ball& ball) {
  const Vector singular = singular_values_of(whole.a);
  return lipschitz_constants(problem, regression_norms(problem, singular[singular.size() - 1], singular[0]),
                             ball);
}

// A = I: scores are the unknowns. Directions: random ones, differences of two unit vectors (the worst known)
// and random ones on few entries; scores: from flat to all but a corner; targets of any sign and size.
TEST(SoftmaxLipschitz, BoundsTheThirdDerivative) {
  double nearest = 0;
  for (Index trial = 0; trial < 4000; ++trial) {
    const RandomStream stream(12, RandomPurpose::inputs, static_cast<std::uint64_t>(trial));
    const Index n = 2 + trial % 7;
    const Vector z = (4 * stream.uniform(0, 50)) * stream.normal_rows({0, n}, 1).col(0);
    const double size = trial % 4 == 0 ? 3 : 1;
    Vector b = size * stream.normal_rows({10, 10 + n}, 1).col(0);
    if (trial % 4 == 1) b = b.cwiseAbs() / b.lpNorm<1>();
    if (trial % 4 == 2) b = Vector::Unit(n, trial / 4 % n);
    Vector u = stream.normal_rows({20, 20 + n}, 1).col(0);
    if (trial % 3 == 0) u = Vector::Unit(n, 0) - Vector::Unit(n, 1) + 0.1 * stream.uniform(0, 60) * u;
    u.normalize();
    const WholeRegression whole{Matrix::Identity(n, n), b};
    const RegressionProblem problem = regression_problem(Communicator::self(), whole, Storage::dense);
    const LipschitzConstants constants = constants_of(problem, whole, {z, 0});
    const double found = std::abs(third_derivative(z, u, b));
    EXPECT_LE(found, constants.ball + 1e-5) << trial;
    EXPECT_LE(found, std::exp(*constants.log_closed_form) + 1e-5) << trial;
    nearest = std::max(nearest, found / constants.ball);
  }
  EXPECT_GE(nearest, 0.4) << "the trials should come near to the bound";
}

// Rows that lie close together far from 0: the constant is that of their distances, n = 300 rows.
TEST(SoftmaxLipschitz, DoesNotGrowWithTheNumberOfRows) {
  const RandomStream stream(13, RandomPurpose::inputs);
  double of_few = 0;
  for (const Index n : {30, 300, 3000}) {
    WholeRegression whole{stream.normal_rows({0, n}, 3).array().max(-2).min(2) + 20,
                          Vector::Constant(n, 1.0 / static_cast<double>(n))};
    const RegressionProblem problem = regression_problem(Communicator::world(), whole, Storage::dense);
    const RegressionNorms norms = regression_norms(problem, 1, whole.a.norm());
    const double constant = lipschitz_constants(problem, norms, {Vector::Zero(3), 0.1}).sharp();
    if (of_few == 0) of_few = constant;
    EXPECT_LE(constant, 5 * of_few);
    EXPECT_LE(constant, 0.5 * 8 * std::pow(2 * std::sqrt(3.0) + 1, 3));
  }
}

// Pairs of points of a ball, for all links and normalisations.
TEST(RegressionLipschitz, BoundsDifferencesOfHessians) {
  std::uint64_t seed = 60;
  Index finite = 0;
  for (const WholeRegression& whole : test_regressions()) {
    SCOPED_TRACE(whole.name());
    const RegressionProblem problem = regression_problem(Communicator::world(), whole, Storage::dense);
    for (const double radius : {1e-3, 0.05, 0.15}) {
      const Ball ball{positive_point(problem.unknowns(), ++seed), radius};
      const LipschitzConstants constants = constants_of(problem, whole, ball);
      if (std::isfinite(constants.sharp())) ++finite;
      for (Index trial = 0; trial < 12; ++trial) {
        const RandomStream stream(seed, RandomPurpose::directions, static_cast<std::uint64_t>(trial));
        const Matrix random = stream.normal_rows({0, problem.unknowns()}, 2);
        const Vector x = ball.centre + radius * random.col(0).normalized();
        const Vector y = ball.centre + radius * stream.uniform(0, 9) * random.col(1).normalized();
        const Matrix change = regression_oracle(whole, x).hessian - regression_oracle(whole, y).hessian;
        const double found = symmetric_norm(change) / (x - y).norm();
        EXPECT_LE(found, constants.sharp() * (1 + 1e-9) + 1e-9);
        EXPECT_LE(found, constants.ball * (1 + 1e-9) + 1e-9);
        if (constants.log_closed_form) {
          EXPECT_LE(std::log(found), *constants.log_closed_form + 1e-9);
        }
      }
    }
  }
  EXPECT_GE(finite, 60) << "of 72";
}

TEST(RegressionLipschitz, IdentityIsQuadraticWithoutSoftmax) {
  for (const auto normalisation : {Normalisation::none, Normalisation::rescaled}) {
    WholeRegression whole = test_regressions()[0];
    whole.link = {Link::identity};
    whole.normalisation = normalisation;
    const RegressionProblem problem = regression_problem(Communicator::world(), whole, Storage::dense);
    EXPECT_EQ(constants_of(problem, whole, {Vector::Ones(5), 3}).ball, 0);
  }
}

TEST(RegressionLipschitz, LargeRadiiStayLogarithms) {
  WholeRegression whole = test_regressions()[0];
  whole.normalisation = Normalisation::rescaled;
  whole.link = {Link::cosh};
  whole.a *= 3;
  const RegressionProblem problem = regression_problem(Communicator::world(), whole, Storage::dense);
  const LipschitzConstants constants = constants_of(problem, whole, {Vector::Ones(5), 1});
  EXPECT_GT(constants.radius, 10);
  EXPECT_GT(constants.log_paper, 1500);
  EXPECT_EQ(std::exp(constants.log_paper), INFINITY);
  EXPECT_LT(*constants.log_closed_form, constants.log_paper);
  EXPECT_TRUE(std::isfinite(constants.log_sharp()));
  EXPECT_LE(constants.log_sharp(), *constants.log_closed_form);
  const double r = constants.radius;
  EXPECT_NEAR(constants.log_paper, 1.5 * std::log(23) + 20 * r * r, 1e-9 * constants.log_paper);
}

TEST(RegressionLipschitz, IsTheSameOnAnyNumberOfRanks) {
  for (const WholeRegression& whole : test_regressions()) {
    SCOPED_TRACE(whole.name());
    const Ball ball{positive_point(5, 70), 0.1};
    const auto shared =
        constants_of(regression_problem(Communicator::world(), whole, Storage::sparse), whole, ball);
    const auto alone =
        constants_of(regression_problem(Communicator::self(), whole, Storage::dense), whole, ball);
    EXPECT_EQ(shared.log_closed_form.has_value(), alone.log_closed_form.has_value());
    EXPECT_EQ(std::isfinite(shared.ball), std::isfinite(alone.ball));
    if (std::isfinite(alone.ball)) {
      EXPECT_NEAR(shared.ball, alone.ball, 1e-12 * alone.ball);
    }
    EXPECT_NEAR(shared.log_paper, alone.log_paper, 1e-12 * alone.log_paper);
  }
}

}  // namespace
}  // namespace attnewton
