// Contraction of undamped Newton steps: measured against what is predicted.
#include "attnewton/solver/contraction.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"
#include "attnewton/curvature/regression_hessian.hpp"
#include "attnewton/curvature/singular_values.hpp"
#include "attnewton/problems/regression_bounds.hpp"
#include "attnewton/random/stream.hpp"
#include "attnewton/solver/newton.hpp"

#include "support/dense_spectrum.hpp"
#include "support/gather.hpp"
#include "support/whole_regression.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

// L (I + S) Lᵀ for the exact H = L Lᵀ and a random symmetric S with ‖S‖ = ε₀: (1−ε₀)H ⪯ H̃ ⪯ (1+ε₀)H,
// attained.
class DistortedHessian : public HessianModel {
 public:
  DistortedHessian(const RegressionProblem& problem, double distortion)
      : exact_(problem), distortion_(distortion) {}
  std::string name() const override { return "distorted"; }

  void assemble(const Point& point, const Progress& progress, DistributedMatrix& h) const override {
    exact_.assemble(point, progress, h);
    const Index n = h.rows();
    const Matrix factor = cholesky_factor(gather_symmetric(h));
    const Matrix random = RandomStream(17, RandomPurpose::noise).normal_rows({0, n}, n);
    Matrix s = random + Matrix(random.transpose());
    s *= distortion_ / symmetric_norm(s);
    const Matrix distorted = factor * (Matrix(Matrix::Identity(n, n)) + s) * factor.transpose();
    for (Index j = 0; j < h.local().cols(); ++j) {
      for (Index i = 0; i < h.local().rows(); ++i)
        h.local()(i, j) = distorted(h.global_row(i), h.global_column(j));
    }
  }

 private:
  RegressionHessian exact_;
  double distortion_;
};

// A softmax regression with weights that make it convex enough to be good, columns of unlike size (κ is
// large).
WholeRegression good_regression() {
  const RandomStream stream(41, RandomPurpose::inputs);
  WholeRegression whole{0.1 * stream.normal_rows({0, 60}, 4), Vector(60)};
  whole.a.col(0) *= 4;
  for (Index i = 0; i < 60; ++i) whole.b[i] = stream.uniform(i, 90);
  whole.b /= whole.b.sum();
  whole.ridge = 0.02;
  whole.weights = Vector::Constant(60, 1.2);
  return whole;
}

struct Measured {
  Contraction contraction;
  LocalConstants constants;
  double distance = 0;
};

Measured measure(const Communicator& comm, double distortion, double distance) {
  const WholeRegression whole = good_regression();
  const RegressionProblem problem = regression_problem(comm, whole, Storage::dense);
  const RegressionHessian exact(problem);
  NewtonOptions tight;
  tight.tolerance = 1e-14;
  const SolveSummary solve = minimise_by_newton(problem, exact, Vector::Zero(4), tight, {});
  const Vector solution = solve.point->theta();
  DistributedMatrix h(std::make_shared<ProcessGrid>(comm), 4, 4, 2);
  exact.assemble(*solve.point, 0, h);
  const Vector eigenvalues = symmetric_eigenvalues(gather_symmetric(h));
  const Vector singular = singular_values_of(whole.a);
  const RegressionNorms norms = regression_norms(problem, singular[3], singular[0]);
  Measured result;
  result.constants = {eigenvalues[0], eigenvalues[3],
                      lipschitz_constants(problem, norms, {solution, distance}).sharp()};
  result.distance = distance;
  const DistortedHessian distorted(problem, distortion);
  const HessianModel& model = distortion > 0 ? static_cast<const HessianModel&>(distorted) : exact;
  const Vector start = solution + distance * positive_point(4, 3).normalized();
  result.contraction = measure_contraction(problem, model, h, start, solution, result.constants,
                                           {.most_steps = 40, .distortion = distortion});
  return result;
}

void expect_predictions_to_hold(const Measured& measured) {
  const auto& steps = measured.contraction.steps;
  ASSERT_GE(steps.size(), 3U);
  EXPECT_TRUE(std::isnan(steps[0].factor));
  EXPECT_NEAR(steps[0].error, measured.distance, 1e-12);
  for (std::size_t t = 1; t < steps.size(); ++t) {
    // What is not known of θ* cannot be held against the prediction.
    const double slack = 2 * measured.contraction.solution_uncertainty / steps[t - 1].error;
    EXPECT_LE(steps[t].factor, steps[t].predicted.two_norm * (1 + 1e-9) + slack) << t;
    EXPECT_LE(steps[t].factor_h, steps[t].predicted.h_norm * (1 + 1e-9) + 3 * slack) << t;
    EXPECT_NEAR(steps[t].factor, steps[t].error / steps[t - 1].error, 1e-15);
    EXPECT_NEAR(steps[t].factor_h, steps[t].error_h / steps[t - 1].error_h, 1e-15);
  }
}

TEST(Contraction, OfExactStepsIsQuadraticAndWithinThePrediction) {
  const Measured measured = measure(Communicator::world(), 0, 0.02);
  ASSERT_LE(measured.constants.lipschitz * measured.distance, 0.5 * measured.constants.smallest)
      << "the theory must have something to say";
  expect_predictions_to_hold(measured);
  EXPECT_EQ(measured.contraction.end, ContractionEnd::rounding) << measured.contraction.reason;
  EXPECT_LE(measured.contraction.steps.size(), 5U);
  EXPECT_TRUE(measured.contraction.steps[1].is_measured);
  EXPECT_FALSE(measured.contraction.steps.back().is_measured);
  EXPECT_LE(measured.contraction.solution_uncertainty, 1e-12);
}

TEST(Contraction, OfDistortedStepsIsWithinThePredictionOfTheHNorm) {
  for (const double distortion : {0.01, 0.1, 0.5}) {
    SCOPED_TRACE(distortion);
    const Measured measured = measure(Communicator::world(), distortion, 0.005);
    expect_predictions_to_hold(measured);
    // Linear in the end: no step of the H-norm beyond ε₀/(1−ε₀), and not far below it.
    const auto& steps = measured.contraction.steps;
    EXPECT_GE(steps[3].factor_h, 0.1 * distortion);
    EXPECT_LE(steps[3].factor_h, distortion / (1 - distortion) * 1.01);
  }
}

TEST(Contraction, PredictionsAreThoseOfTheLemmas) {
  const LocalConstants constants{2, 50, 10};
  const PredictedFactors exact = predicted_factors(constants, 0, 0.02);
  EXPECT_NEAR(exact.papers, 2 * 0.2 / 1.8, 1e-15);
  EXPECT_NEAR(exact.two_norm, 0.2 / 3.6, 1e-15);
  EXPECT_NEAR(exact.h_norm, 0.2 / 3.6, 1e-15);
  const PredictedFactors sampled = predicted_factors(constants, 0.1, 0);
  EXPECT_NEAR(sampled.papers, 0.2, 1e-15);
  EXPECT_NEAR(sampled.two_norm, 5.0 / 9, 1e-15);
  EXPECT_NEAR(sampled.h_norm, 1.0 / 9, 1e-15);
  EXPECT_EQ(predicted_factors(constants, 0, 0.2).two_norm, INFINITY);
  EXPECT_TRUE(std::isnan(predicted_factors({1, 2}, 0, 0.1).h_norm));
  // The papers' factor 0.4 at ε₀ = 0.01 from a good start.
  EXPECT_NEAR(predicted_factors({1, 1, 1}, 0.01, 0.1).papers, 2 * (0.01 + 0.1 / 0.9), 1e-15);
}

TEST(Contraction, SaysWhereUndampedStepsFail) {
  const WholeRegression whole = good_regression();
  const RegressionProblem problem = regression_problem(Communicator::world(), whole, Storage::dense);
  const RegressionHessian exact(problem);
  const SolveSummary solve = minimise_by_newton(problem, exact, Vector::Zero(4), {}, {});
  const Vector solution = solve.point->theta();
  DistributedMatrix h(std::make_shared<ProcessGrid>(problem.comm()), 4, 4);
  exact.assemble(*solve.point, 0, h);
  const LocalConstants unknown{1, 1};
  // −H is as indefinite as can be.
  class Negative : public HessianModel {
   public:
    std::string name() const override { return "negative"; }
    void assemble(const Point& /*point*/, const Progress& /*progress*/,
                  DistributedMatrix& into) const override {
      into.set_zero();
      into.add_to_diagonal(-1, 4);
    }
  } negative;
  const Contraction indefinite =
      measure_contraction(problem, negative, h, Vector::Ones(4), solution, unknown, {});
  EXPECT_EQ(indefinite.end, ContractionEnd::indefinite);
  EXPECT_EQ(indefinite.steps.size(), 1U);
  const Contraction one =
      measure_contraction(problem, exact, h, Vector::Ones(4), solution, unknown, {.most_steps = 1});
  EXPECT_EQ(one.end, ContractionEnd::steps);
  EXPECT_EQ(one.steps.size(), 2U);
  EXPECT_TRUE(std::isnan(one.steps[1].predicted.two_norm));
  const Contraction at_once = measure_contraction(problem, exact, h, solution, solution, unknown, {});
  EXPECT_EQ(at_once.end, ContractionEnd::rounding);
  EXPECT_EQ(at_once.steps.size(), 1U);
  EXPECT_THROW(measure_contraction(problem, exact, h, Vector::Constant(4, INFINITY), solution, unknown, {}),
               NumericalError);
}

TEST(Contraction, TakesTheSameStepsOnAnyNumberOfRanks) {
  const Measured shared = measure(Communicator::world(), 0.1, 0.01);
  const Measured alone = measure(Communicator::self(), 0.1, 0.01);
  // The last step comes down to rounding, which decides whether there is one more.
  constexpr std::size_t surely = 6;
  ASSERT_GE(shared.contraction.steps.size(), surely);
  ASSERT_GE(alone.contraction.steps.size(), surely);
  for (std::size_t t = 1; t < surely; ++t) {
    EXPECT_NEAR(shared.contraction.steps[t].factor, alone.contraction.steps[t].factor, 1e-6);
    EXPECT_NEAR(shared.contraction.steps[t].factor_h, alone.contraction.steps[t].factor_h, 1e-6);
  }
}

}  // namespace
}  // namespace attnewton
