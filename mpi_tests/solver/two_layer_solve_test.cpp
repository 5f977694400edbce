// Newton's method on planted two-layer regressions.
#include <cmath>

#include <gtest/gtest.h>

#include "attnewton/curvature/two_layer_hessian.hpp"
#include "attnewton/random/stream.hpp"
#include "attnewton/solver/newton.hpp"

#include "support/recorder.hpp"
#include "support/whole_two_layer.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

constexpr Activation activations[] = {Activation::relu, Activation::identity, Activation::tanh,
                                      Activation::sigmoid};
constexpr Index unknowns = 6;

// A regression whose target is that of x*, with noise of that size.
struct Planted {
  WholeTwoLayer whole;
  Vector x;
};

Planted planted(Activation activation, double noise) {
  constexpr Index rows = 120;
  constexpr Index outputs = 40;
  Planted result{random_two_layer(activation, rows, unknowns, outputs, 51), moderate_point(unknowns, 52)};
  result.whole.a2 *= 3;
  const Vector u = (result.whole.a1 * result.x).array().exp();
  const Vector y = result.whole.a2 * u / u.sum();
  const RandomStream stream(53, RandomPurpose::noise);
  for (Index k = 0; k < outputs; ++k) {
    const double clean = activation == Activation::relu      ? std::max(y[k], 0.0)
                         : activation == Activation::tanh    ? std::tanh(y[k])
                         : activation == Activation::sigmoid ? 1 / (1 + std::exp(-y[k]))
                                                             : y[k];
    result.whole.b[k] = clean + noise * stream.normal(k);
  }
  return result;
}

struct Solve {
  SolveSummary summary;
  std::vector<IterationRecord> records;
};

Solve solve(const Communicator& comm, const WholeTwoLayer& whole, Storage storage, HessianForm form,
            double tolerance) {
  const TwoLayerProblem problem = two_layer_problem(comm, whole, storage);
  Recorder recorder;
  IterationObserver* observers[] = {&recorder};
  NewtonOptions options;
  options.tolerance = tolerance;
  Solve result;
  result.summary =
      minimise_by_newton(problem, TwoLayerHessian(problem, form), Vector::Zero(unknowns), options, observers);
  result.records = recorder.records;
  return result;
}

TEST(TwoLayerSolve, RecoversAPlantedRegressionWithAQuadraticEnd) {
  for (const Activation activation : activations) {
    const Planted target = planted(activation, 0);
    for (const HessianForm form : {HessianForm::exact, HessianForm::gauss_newton}) {
      for (const Storage storage : {Storage::dense, Storage::sparse}) {
        SCOPED_TRACE(std::string(to_string(activation)) + ", " + to_string(form));
        const Solve result = solve(Communicator::world(), target.whole, storage, form, 1e-12);
        ASSERT_EQ(result.summary.status, SolveStatus::converged) << result.summary.reason;
        EXPECT_LE((result.summary.point->theta() - target.x).norm(), 1e-8 * target.x.norm());
        EXPECT_LE(result.summary.point->objective().relative_residual, 1e-8);
        const auto& records = result.records;
        ASSERT_GE(records.size(), 4U);
        // Each of the last two steps takes the relative gradient r to 100 r² or below.
        for (const std::size_t k : {records.size() - 2, records.size() - 1}) {
          EXPECT_LE(records[k].relative_gradient,
                    std::max(1e-12, 100 * std::pow(records[k - 1].relative_gradient, 2)))
              << k;
        }
      }
    }
  }
}

// With noise the residual's own curvature is in H, and the exact Hessian's end is quadratic all the same.
TEST(TwoLayerSolve, FitsNoisyTargetsWithARidgeAndWeights) {
  for (const Activation activation : activations) {
    SCOPED_TRACE(to_string(activation));
    Planted target = planted(activation, 0.1);
    target.whole.ridge = 1e-3;
    target.whole.weights = Vector::Constant(target.whole.a1.rows(), 1e-2);
    const Solve result =
        solve(Communicator::world(), target.whole, Storage::sparse, HessianForm::exact, 1e-8);
    ASSERT_EQ(result.summary.status, SolveStatus::converged) << result.summary.reason;
    const auto& records = result.records;
    EXPECT_LE(records.back().relative_gradient, 1e-8);
    EXPECT_LE(records.back().relative_gradient,
              std::max(1e-10, 100 * std::pow(records[records.size() - 2].relative_gradient, 2)));
  }
}

TEST(TwoLayerSolve, TakesTheSamePathOnAnyNumberOfRanks) {
  for (const Activation activation : activations) {
    SCOPED_TRACE(to_string(activation));
    const WholeTwoLayer whole = planted(activation, 0.1).whole;
    const Solve alone = solve(Communicator::self(), whole, Storage::dense, HessianForm::exact, 1e-8);
    const Solve shared = solve(Communicator::world(), whole, Storage::sparse, HessianForm::exact, 1e-8);
    ASSERT_EQ(alone.summary.status, SolveStatus::converged) << alone.summary.reason;
    ASSERT_EQ(shared.records.size(), alone.records.size());
    for (std::size_t k = 0; k < alone.records.size(); ++k) {
      EXPECT_NEAR(shared.records[k].objective.loss, alone.records[k].objective.loss,
                  1e-10 * alone.records[k].objective.loss);
      EXPECT_NEAR(shared.records[k].relative_gradient, alone.records[k].relative_gradient, 1e-8);
    }
  }
}

}  // namespace
}  // namespace attnewton
