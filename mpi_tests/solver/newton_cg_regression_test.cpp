// Newton–CG and L-BFGS on regressions: the end of exact Newton, within the domain.
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "attnewton/curvature/kronecker_hessian.hpp"
#include "attnewton/curvature/regression_hessian.hpp"
#include "attnewton/curvature/sampled_regression_hessian.hpp"
#include "attnewton/solver/lbfgs.hpp"
#include "attnewton/solver/newton.hpp"
#include "attnewton/solver/newton_cg.hpp"

#include "support/uneven_regression.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

constexpr Index unknowns = 6;

// b = u/α of a planted x, and noise of a fifth of it.
WholeRegression noisy_softmax() {
  constexpr Index rows = 300;
  WholeRegression whole{RandomStream(71, RandomPurpose::inputs).normal_rows({0, rows}, unknowns),
                        Vector(rows)};
  const Vector x = 0.4 * RandomStream(71, RandomPurpose::planted_x).normal_rows({0, unknowns}, 1).col(0);
  const Vector u = (whole.a * x).array().exp();
  const RandomStream noise(71, RandomPurpose::noise);
  for (Index i = 0; i < rows; ++i) whole.b[i] = u[i] / u.sum() * (1 + 0.2 * noise.normal(i));
  return whole;
}

SolveSummary solve(const RegressionProblem& problem, StepMethod& method, double tolerance,
                   const Vector& start) {
  return minimise(problem, method, start, {.tolerance = tolerance, .max_iterations = 500}, {});
}

SolveSummary solve_by_newton(const RegressionProblem& problem, const Vector& start) {
  const auto exact = make_assembled_hessian(problem, std::make_shared<RegressionHessian>(problem));
  DampedNewton method(*exact, {});
  return solve(problem, method, 1e-11, start);
}

TEST(NewtonCgRegression, EndsWhereNewtonDoesWhateverPreconditions) {
  for (const WholeRegression& whole : {noisy_softmax(), exponential_regression(300, unknowns)}) {
    for (const Storage storage : {Storage::dense, Storage::sparse}) {
      const RegressionProblem problem = regression_problem(Communicator::world(), whole, storage);
      const Vector start = Vector::Zero(unknowns);
      const SolveSummary expected = solve_by_newton(problem, start);
      ASSERT_EQ(expected.status, SolveStatus::converged) << expected.reason;
      std::vector<std::unique_ptr<DampedHessian>> preconditioners;
      preconditioners.push_back(make_identity_hessian(problem));
      for (const HessianForm form : {HessianForm::exact, HessianForm::gauss_newton})
        preconditioners.push_back(
            make_assembled_hessian(problem, std::make_shared<RegressionHessian>(problem, form)));
      preconditioners.push_back(make_assembled_hessian(
          problem, std::make_shared<SampledRegressionHessian>(problem, RowSamplingOptions{})));
      for (const auto& preconditioner : preconditioners) {
        SCOPED_TRACE(whole.name() + ", " + preconditioner->name());
        NewtonCgOptions options;
        options.tolerance = 1e-10;
        options.preconditioner.keep = 2;
        NewtonCg method(*preconditioner, options);
        const SolveSummary found = solve(problem, method, 1e-10, start);
        ASSERT_EQ(found.status, SolveStatus::converged) << found.reason;
        EXPECT_NEAR(found.point->objective().loss, expected.point->objective().loss,
                    1e-9 * expected.point->objective().loss);
        EXPECT_LE((found.point->theta() - expected.point->theta()).norm(),
                  1e-6 * expected.point->theta().norm());
      }
      Lbfgs lbfgs({});
      const SolveSummary found = solve(problem, lbfgs, 1e-9, start);
      ASSERT_EQ(found.status, SolveStatus::converged) << found.reason;
      EXPECT_NEAR(found.point->objective().loss, expected.point->objective().loss,
                  1e-9 * expected.point->objective().loss);
    }
  }
}

// ½Σ(√x − 0.1)²: long steps from x = 1 go where there is no root.
TEST(NewtonCgRegression, RejectsStepsOutsideTheDomain) {
  WholeRegression whole{Matrix::Ones(8, 1), Vector::Constant(8, 0.1), {}, {Link::power, 0.5}};
  whole.normalisation = Normalisation::none;
  const RegressionProblem problem = regression_problem(Communicator::world(), whole, Storage::dense);
  const auto none = make_identity_hessian(problem);
  NewtonCgOptions options;
  options.preconditioner.keep = 1;
  NewtonCg newton_cg(*none, options);
  Lbfgs lbfgs({});
  for (StepMethod* method : {static_cast<StepMethod*>(&newton_cg), static_cast<StepMethod*>(&lbfgs)}) {
    const SolveSummary summary = solve(problem, *method, 1e-9, Vector::Ones(1));
    EXPECT_EQ(summary.status, SolveStatus::converged) << summary.reason;
    EXPECT_NEAR(summary.point->theta()[0], 0.01, 1e-7);
  }
}

}  // namespace
}  // namespace attnewton
