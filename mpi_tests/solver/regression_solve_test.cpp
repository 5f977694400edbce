// Newton's method on planted regressions.
#include <cmath>

#include <gtest/gtest.h>

#include "attnewton/curvature/regression_hessian.hpp"
#include "attnewton/random/stream.hpp"
#include "attnewton/solver/newton.hpp"

#include "support/recorder.hpp"
#include "support/whole_regression.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

// A regression whose target is that of x*, with noise of that share of it.
struct Planted {
  WholeRegression whole;
  Vector x;
};

Planted planted_softmax(double noise) {
  constexpr Index rows = 400;
  constexpr Index columns = 7;
  const RandomStream stream(31, RandomPurpose::inputs);
  Planted planted{{stream.normal_rows({0, rows}, columns), Vector(rows)},
                  0.4 * RandomStream(31, RandomPurpose::planted_x).normal_rows({0, columns}, 1).col(0)};
  const Vector u = (planted.whole.a * planted.x).array().exp();
  const RandomStream others(31, RandomPurpose::noise);
  for (Index i = 0; i < rows; ++i) planted.whole.b[i] = u[i] / u.sum() * (1 + noise * others.normal(i));
  return planted;
}

struct Solve {
  SolveSummary summary;
  std::vector<IterationRecord> records;
};

Solve solve(const Communicator& comm, const WholeRegression& whole, Storage storage, const Vector& start) {
  const RegressionProblem problem = regression_problem(comm, whole, storage);
  Recorder recorder;
  IterationObserver* observers[] = {&recorder};
  NewtonOptions options;
  options.tolerance = 1e-13;
  Solve result;
  result.summary = minimise_by_newton(problem, RegressionHessian(problem), start, options, observers);
  result.records = recorder.records;
  return result;
}

TEST(RegressionSolve, RecoversAPlantedSoftmaxRegressionWithAQuadraticEnd) {
  const Planted planted = planted_softmax(0);
  for (const Storage storage : {Storage::dense, Storage::sparse}) {
    const Solve result = solve(Communicator::world(), planted.whole, storage, Vector::Zero(7));
    ASSERT_EQ(result.summary.status, SolveStatus::converged) << result.summary.reason;
    EXPECT_LE((result.summary.point->theta() - planted.x).norm(), 1e-8 * planted.x.norm());
    EXPECT_LE(result.summary.point->objective().relative_residual, 1e-8);
    const auto& records = result.records;
    ASSERT_GE(records.size(), 4U);
    // Each of the last two steps takes the relative gradient r to 100 r² or below.
    for (const std::size_t k : {records.size() - 2, records.size() - 1}) {
      EXPECT_LE(records[k].relative_gradient,
                std::max(1e-13, 100 * std::pow(records[k - 1].relative_gradient, 2)))
          << k;
    }
  }
}

TEST(RegressionSolve, TakesTheSamePathOnAnyNumberOfRanks) {
  const Planted planted = planted_softmax(0.2);
  const Solve alone = solve(Communicator::self(), planted.whole, Storage::dense, Vector::Zero(7));
  const Solve shared = solve(Communicator::world(), planted.whole, Storage::sparse, Vector::Zero(7));
  ASSERT_EQ(alone.summary.status, SolveStatus::converged) << alone.summary.reason;
  ASSERT_EQ(shared.records.size(), alone.records.size());
  for (std::size_t k = 0; k < alone.records.size(); ++k) {
    EXPECT_NEAR(shared.records[k].objective.loss, alone.records[k].objective.loss,
                1e-10 * alone.records[k].objective.loss);
    EXPECT_NEAR(shared.records[k].relative_gradient, alone.records[k].relative_gradient, 1e-8);
  }
}

// ½Σ(√x − 0.1)²: the Newton step from x = 1 goes to −17, where there is no root.
TEST(RegressionSolve, RejectsStepsOutsideTheDomain) {
  WholeRegression whole{Matrix::Ones(8, 1), Vector::Constant(8, 0.1), {}, {Link::power, 0.5}};
  whole.normalisation = Normalisation::none;
  const Solve result = solve(Communicator::world(), whole, Storage::dense, Vector::Ones(1));
  EXPECT_EQ(result.summary.status, SolveStatus::converged) << result.summary.reason;
  EXPECT_NEAR(result.summary.point->theta()[0], 0.01, 1e-9);
  EXPECT_GT(result.records[1].trials, 1);
}

}  // namespace
}  // namespace attnewton
