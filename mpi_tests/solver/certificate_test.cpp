// Certificates of regressions and of an attention layer.
#include "attnewton/solver/certificate.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"
#include "attnewton/curvature/attention_hessian.hpp"
#include "attnewton/curvature/regression_hessian.hpp"
#include "attnewton/random/stream.hpp"
#include "attnewton/solver/newton.hpp"

#include "support/attention_oracle.hpp"
#include "support/dense_spectrum.hpp"
#include "support/whole_regression.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

WholeRegression regression(Normalisation normalisation) {
  const RandomStream stream(51, RandomPurpose::inputs);
  WholeRegression whole{0.15 * stream.normal_rows({0, 50}, 4), Vector(50)};
  for (Index i = 0; i < 50; ++i) whole.b[i] = stream.uniform(i, 90);
  whole.b /= whole.b.sum();
  whole.normalisation = normalisation;
  whole.weights = Vector::Constant(50, 1.2);
  return whole;
}

Vector minimiser(const Problem& problem, const HessianModel& hessian) {
  NewtonOptions tight;
  tight.tolerance = 1e-14;
  return minimise_by_newton(problem, hessian, Vector::Constant(problem.unknowns(), 0.05), tight, {})
      .point->theta();
}

struct Case {
  Certificate certificate;
  Vector solution;
};

Case certified(const Communicator& comm, const WholeRegression& whole, double distance,
               const CertificateOptions& options) {
  const RegressionProblem problem = regression_problem(comm, whole, Storage::dense);
  const RegressionHessian exact(problem);
  Case result;
  result.solution = minimiser(problem, exact);
  const Vector start = result.solution + distance * positive_point(4, 3).normalized();
  result.certificate = certify(problem, exact, exact, start, result.solution, options);
  return result;
}

TEST(Certificate, OfARegressionNearItsSolutionIsGood) {
  for (const auto normalisation : {Normalisation::softmax, Normalisation::rescaled, Normalisation::none}) {
    SCOPED_TRACE(to_string(normalisation));
    const WholeRegression whole = regression(normalisation);
    const Case near = certified(Communicator::world(), whole, 1e-4, {});
    const Certificate& c = near.certificate;
    const Vector at_solution = symmetric_eigenvalues(regression_oracle(whole, near.solution).hessian);
    EXPECT_NEAR(c.at_solution.smallest, at_solution[0], 1e-9 * at_solution[3]);
    EXPECT_NEAR(c.at_solution.largest, at_solution[3], 1e-9 * at_solution[3]);
    EXPECT_NEAR(c.l, at_solution[0], 1e-9 * at_solution[3]);
    EXPECT_NEAR(c.distance, 1e-4, 1e-12);
    EXPECT_LE(c.relative_gradient, 1e-8);
    ASSERT_TRUE(c.regression && c.good_by_sharp && c.good_by_papers);
    EXPECT_TRUE(c.good_by_sharp->is_good);
    EXPECT_GE(c.good_by_sharp->good_radius, 1e-4);
    EXPECT_LT(c.good_by_sharp->log_lipschitz, c.good_by_papers->log_lipschitz);
    EXPECT_EQ(c.regression->smallest_weight_squared, 1.44);
    EXPECT_EQ(c.regression->largest_weight_squared, 1.44);
    EXPECT_FALSE(c.h_xx_lipschitz.has_value());
    // Quadratic, and within the predictions.
    const auto& steps = c.contraction.steps;
    ASSERT_GE(steps.size(), 2U);
    EXPECT_LE(steps[1].factor, steps[1].predicted.two_norm + 1e-6);
    EXPECT_LE(steps[1].factor_h, steps[1].predicted.h_norm + 1e-6);
    EXPECT_EQ(c.contraction.end, ContractionEnd::rounding);
  }
}

TEST(Certificate, OfAStartFarAwayIsNotGood) {
  const Case far = certified(Communicator::world(), regression(Normalisation::softmax), 5, {});
  EXPECT_FALSE(far.certificate.good_by_sharp->is_good);
  EXPECT_FALSE(far.certificate.good_by_papers->is_good);
  EXPECT_LT(far.certificate.good_by_sharp->good_radius, 5);
}

TEST(Certificate, WeightsThatTheThresholdAsksForMakeTheWantedL) {
  WholeRegression whole = regression(Normalisation::softmax);
  const double wanted = 0.4;
  const Certificate before = certified(Communicator::world(), whole, 0.1, {.wanted_l = wanted}).certificate;
  EXPECT_EQ(before.l, wanted);
  ASSERT_TRUE(before.regression->closed_form_weights.has_value());
  const double needed = before.regression->closed_form_weights->convexity;
  const double spread = 1 + whole.b.maxCoeff() - whole.b.minCoeff();
  EXPECT_NEAR(needed, 0.2735 * spread + wanted / std::pow(before.regression->a.smallest, 2), 1e-9);
  EXPECT_LE(before.regression->weights_at_solution.convexity, needed) << "closed forms hold everywhere";
  EXPECT_LE(before.regression->weights_at_start.convexity, needed);
  whole.weights.setConstant(std::sqrt(needed));
  const Certificate after = certified(Communicator::world(), whole, 0.1, {.wanted_l = wanted}).certificate;
  EXPECT_GE(after.at_start.smallest, wanted);
  EXPECT_GE(after.at_solution.smallest, wanted);
}

TEST(Certificate, WantingMoreThanThereIsIsNotGood) {
  const Certificate c =
      certified(Communicator::world(), regression(Normalisation::softmax), 1e-6, {.wanted_l = 1e3})
          .certificate;
  EXPECT_FALSE(c.good_by_sharp->is_good);
}

TEST(Certificate, GoodnessIsDefinition14Point1) {
  EXPECT_TRUE(goodness(std::log(10.0), 0.0199, 2, 2).is_good);
  EXPECT_FALSE(goodness(std::log(10.0), 0.0201, 2, 2).is_good);
  EXPECT_FALSE(goodness(std::log(10.0), 0.0199, 2, 1.9).is_good);
  EXPECT_FALSE(goodness(std::log(10.0), 0, -1, -1).is_good);
  EXPECT_TRUE(goodness(3e4, 0, 2, 2).is_good) << "M overflows, the distance is 0";
  EXPECT_FALSE(goodness(3e4, 1e-300, 2, 2).is_good);
  EXPECT_NEAR(goodness(std::log(10.0), 0.5, 2, 2).good_radius, 0.02, 1e-15);
}

TEST(Certificate, IsTheSameOnAnyNumberOfRanks) {
  for (const auto normalisation : {Normalisation::softmax, Normalisation::rescaled}) {
    const WholeRegression whole = regression(normalisation);
    const Certificate shared = certified(Communicator::world(), whole, 0.01, {}).certificate;
    const Certificate alone = certified(Communicator::self(), whole, 0.01, {}).certificate;
    EXPECT_NEAR(shared.l, alone.l, 1e-10 * alone.at_solution.largest);
    EXPECT_NEAR(shared.at_start.largest, alone.at_start.largest, 1e-10 * alone.at_start.largest);
    EXPECT_NEAR(shared.good_by_sharp->log_product, alone.good_by_sharp->log_product, 1e-8);
    EXPECT_NEAR(shared.regression->weights_at_solution.substitute,
                alone.regression->weights_at_solution.substitute, 1e-8);
    ASSERT_EQ(shared.contraction.steps.size(), alone.contraction.steps.size());
    EXPECT_NEAR(shared.contraction.steps[1].factor, alone.contraction.steps[1].factor, 1e-8);
  }
}

TEST(Certificate, ByLanczosIsThatByAllEigenvalues) {
  const WholeRegression whole = regression(Normalisation::softmax);
  const Certificate direct = certified(Communicator::world(), whole, 0.01, {}).certificate;
  const Certificate lanczos =
      certified(Communicator::world(), whole, 0.01, {.spectrum = {.largest_direct = 0}}).certificate;
  EXPECT_FALSE(lanczos.at_solution.is_direct || lanczos.regression->a.gram.is_direct);
  EXPECT_NEAR(lanczos.at_start.smallest, direct.at_start.smallest, 1e-10);
  EXPECT_NEAR(lanczos.at_start.largest, direct.at_start.largest, 1e-10);
  EXPECT_NEAR(lanczos.regression->a.smallest, direct.regression->a.smallest, 1e-9);
  EXPECT_NEAR(lanczos.good_by_sharp->log_lipschitz, direct.good_by_sharp->log_lipschitz, 1e-9);
}

TEST(Certificate, OfAnAttentionLayerHasSpectrumAndContraction) {
  for (const auto variables : {AttentionVariables::projected, AttentionVariables::joint}) {
    const WholeAttention whole = make_whole({.name = "small", .query_lengths = {9, 8}, .ridge = 0.5}, 21);
    const AttentionProblem problem = make_problem(Communicator::world(), whole, variables);
    const AttentionHessian exact(problem, HessianForm::exact);
    NewtonOptions tight;
    tight.tolerance = 1e-13;
    const SolveSummary solve = minimise_by_newton(problem, exact, test_point(problem, 5), tight, {});
    ASSERT_EQ(solve.status, SolveStatus::converged) << solve.reason;
    const Vector solution = solve.point->theta();
    const Vector start = solution + 0.01 * test_point(problem, 6).normalized();
    const Certificate c = certify(problem, exact, exact, start, solution, {});
    const Vector expected = symmetric_eigenvalues(attention_oracle(whole, variables, solution).hessian);
    EXPECT_NEAR(c.at_solution.smallest, expected[0], 1e-9 * expected.maxCoeff());
    EXPECT_NEAR(c.at_solution.largest, expected.maxCoeff(), 1e-9 * expected.maxCoeff());
    EXPECT_FALSE(c.regression || c.good_by_sharp || c.good_by_papers);
    ASSERT_TRUE(c.h_xx_lipschitz.has_value());
    EXPECT_GT(*c.h_xx_lipschitz, 0);
    ASSERT_GE(c.contraction.steps.size(), 3U);
    EXPECT_LE(c.contraction.steps[2].factor, 0.1);
    EXPECT_TRUE(std::isnan(c.contraction.steps[1].predicted.two_norm)) << "M is not known";
  }
}

TEST(Certificate, OptionsThatMakeNoSenseAreRefused) {
  const RegressionProblem problem =
      regression_problem(Communicator::world(), regression(Normalisation::softmax), Storage::dense);
  const RegressionHessian exact(problem);
  const Vector x = Vector::Zero(4);
  EXPECT_THROW(certify(problem, exact, exact, x, x, {.wanted_l = -1}), UsageError);
  EXPECT_THROW(certify(problem, exact, exact, x, x, {.epsilon = 1}), UsageError);
  EXPECT_THROW(certify(problem, exact, exact, x, x, {.contraction = {.distortion = -1}}), UsageError);
  EXPECT_THROW(certify(problem, exact, exact, Vector::Constant(4, INFINITY), x, {}), NumericalError);
}

}  // namespace
}  // namespace attnewton
