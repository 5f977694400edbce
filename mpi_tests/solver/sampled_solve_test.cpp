// Newton's method on sampled Hessians: linear, no slower than their distortion predicts, down to the
// tolerance.
#include <algorithm>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "attnewton/curvature/hessian_distortion.hpp"
#include "attnewton/curvature/regression_hessian.hpp"
#include "attnewton/curvature/sampled_regression_hessian.hpp"
#include "attnewton/solver/newton.hpp"

#include "support/gather.hpp"
#include "support/uneven_regression.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

constexpr RowSampling rules[] = {RowSampling::uniform, RowSampling::norm, RowSampling::leverage};

// A sampled Hessian that keeps what the theory speaks of: where each step started, its matrix and how far
// that is from the exact one.
class MeasuredHessian : public HessianModel {
 public:
  MeasuredHessian(const RegressionProblem& problem, const RowSamplingOptions& options)
      : problem_(problem), sampled_(problem, options) {}
  std::string name() const override { return sampled_.name(); }
  bool is_random() const override { return sampled_.is_random(); }
  void assemble(const Point& point, const Progress& progress, DistributedMatrix& h) const override {
    sampled_.assemble(point, progress, h);
    DistributedMatrix exact(h.grid(), h.rows(), h.columns(), h.layout().rows.block());
    RegressionHessian(problem_).assemble(point, 0, exact);
    iterations.push_back(progress.iteration);
    starts.push_back(point.theta());
    matrices.push_back(gather_symmetric(h));
    distortions.push_back(hessian_distortion(exact, h));
  }

  mutable std::vector<Index> iterations;
  mutable std::vector<Vector> starts;
  mutable std::vector<Matrix> matrices;
  mutable std::vector<std::optional<double>> distortions;

 private:
  const RegressionProblem& problem_;
  SampledRegressionHessian sampled_;
};

class Recorder : public IterationObserver {
 public:
  void on_iteration(const IterationRecord& record) override { records.push_back(record); }
  std::vector<IterationRecord> records;
};

struct Solve {
  SolveSummary summary;
  std::vector<IterationRecord> records;
};

Solve solve(const RegressionProblem& problem, const HessianModel& hessian, double initial_shift = 1e-2) {
  Recorder recorder;
  IterationObserver* observers[] = {&recorder};
  NewtonOptions options;
  options.damping.initial_relative_shift = initial_shift;
  Solve result;
  result.summary = minimise_by_newton(problem, hessian, Vector::Zero(problem.unknowns()), options, observers);
  result.records = recorder.records;
  return result;
}

double norm_in(const Matrix& h, const Vector& v) {
  return std::sqrt(v.dot(h * v));
}

// H is constant, so the bound has no terms of second order, and without a shift each step must keep it.
TEST(SampledSolve, ContractsAsItsDistortionPredicts) {
  const RegressionProblem problem =
      regression_problem(Communicator::world(), uneven_least_squares(3000, 8, 4), Storage::dense);
  const Solve exact = solve(problem, RegressionHessian(problem), 0);
  const Vector solution = exact.summary.point->theta();
  for (const RowSampling rule : rules) {
    SCOPED_TRACE(to_string(rule));
    // Uniform samples must not miss one of the four long rows.
    const Index rows = rule == RowSampling::uniform ? 2900 : 500;
    const MeasuredHessian hessian(problem, {rule, rows, 3});
    const Solve result = solve(problem, hessian, 0);
    ASSERT_EQ(result.summary.status, SolveStatus::converged) << result.summary.reason;
    EXPECT_LE(result.summary.gradient_norm, 1e-8 * result.summary.initial_gradient_norm);
    const std::size_t steps = hessian.starts.size();
    ASSERT_EQ(steps, static_cast<std::size_t>(result.summary.iterations));
    ASSERT_GE(steps, 4U);
    Index compared = 0;
    for (std::size_t k = 0; k < steps; ++k) {
      EXPECT_EQ(hessian.iterations[k], static_cast<Index>(k));
      ASSERT_TRUE(hessian.distortions[k].has_value());
      const Vector end = k + 1 < steps ? hessian.starts[k + 1] : result.summary.point->theta();
      const double before = norm_in(hessian.matrices[k], hessian.starts[k] - solution);
      const double after = norm_in(hessian.matrices[k], end - solution);
      if (*hessian.distortions[k] >= 1 || result.records[k + 1].damping > 0) continue;
      ++compared;
      EXPECT_LE(after, 1.001 * predicted_contraction(*hessian.distortions[k]) * before + 1e-9) << k;
    }
    EXPECT_GE(compared, static_cast<Index>(steps) / 2);
  }
}

// Exponential regression: curvature that changes, D of both signs, an unknown that few rows know of.
TEST(SampledSolve, ReachesTheToleranceByEveryRuleAndStorage) {
  const WholeRegression whole = exponential_regression(2000, 8);
  for (const Storage storage : {Storage::dense, Storage::sparse}) {
    const RegressionProblem problem = regression_problem(Communicator::world(), whole, storage);
    const Solve exact = solve(problem, RegressionHessian(problem));
    ASSERT_EQ(exact.summary.status, SolveStatus::converged) << exact.summary.reason;
    for (const RowSampling rule : rules) {
      SCOPED_TRACE(to_string(rule));
      const SampledRegressionHessian hessian(problem, {rule, 600, 11});
      const Solve result = solve(problem, hessian);
      ASSERT_EQ(result.summary.status, SolveStatus::converged) << result.summary.reason;
      EXPECT_LE(result.summary.gradient_norm, 1e-8 * result.summary.initial_gradient_norm);
      EXPECT_LE((result.summary.point->theta() - exact.summary.point->theta()).norm(), 1e-6);
      // The shift that noise calls for is a small one: it does not grow without end.
      EXPECT_LE(result.records.back().damping, 0.1 * result.records[1].damping);
    }
  }
}

// Rows in pairs whose residuals, +1e4 and −1e4, no x can lower: from a relative gradient of about 1e-4 on all
// decreases are lost in the loss's rounding, and gradients alone tell good steps from bad ones.
TEST(SampledSolve, GoesOnWhereTheLossShowsNothing) {
  WholeRegression whole = uneven_least_squares(2000, 6, 3);
  for (Index i = 0; i < 2000; i += 2) {
    whole.a.row(i + 1) = whole.a.row(i);
    whole.b[i + 1] = whole.b[i] - 2e4;
  }
  whole.b.array() += 1e4;
  for (Index j = 0; j < 6; ++j) whole.a.col(j) *= std::pow(2, static_cast<double>(j));
  const RegressionProblem problem = regression_problem(Communicator::world(), whole, Storage::dense);
  for (const Index rows : {Index{12}, Index{40}}) {  // few for 6 unknowns: many draws are bad ones
    const SampledRegressionHessian hessian(problem, {RowSampling::leverage, rows, 13});
    const Solve result = solve(problem, hessian);
    EXPECT_EQ(result.summary.status, SolveStatus::converged) << result.summary.reason;
    EXPECT_LE(result.summary.gradient_norm, 1e-8 * result.summary.initial_gradient_norm);
  }
}

TEST(SampledSolve, TakesTheSamePathOnAnyNumberOfRanks) {
  const WholeRegression whole = exponential_regression(1000, 5);
  const RegressionProblem alone = regression_problem(Communicator::self(), whole, Storage::dense);
  const RegressionProblem shared = regression_problem(Communicator::world(), whole, Storage::sparse);
  const Solve expected = solve(alone, SampledRegressionHessian(alone, {RowSampling::leverage, 200, 2}));
  const Solve result = solve(shared, SampledRegressionHessian(shared, {RowSampling::leverage, 200, 2}));
  ASSERT_EQ(result.records.size(), expected.records.size());
  for (std::size_t k = 0; k < result.records.size(); ++k) {
    EXPECT_NEAR(result.records[k].objective.loss, expected.records[k].objective.loss,
                1e-9 * expected.records[k].objective.loss);
  }
}

// Far too few rows: H̃ is singular but for the ridge, and often indefinite. The shift carries the solve on.
TEST(SampledSolve, MakesProgressWithFewerRowsThanUnknowns) {
  const RegressionProblem problem =
      regression_problem(Communicator::world(), exponential_regression(500, 12), Storage::dense);
  const SampledRegressionHessian hessian(problem, {RowSampling::leverage, 6, 4});
  const Solve result = solve(problem, hessian);
  EXPECT_NE(result.summary.status, SolveStatus::numerical_failure) << result.summary.reason;
  EXPECT_LT(result.summary.point->objective().loss, result.summary.initial_loss);
}

}  // namespace
}  // namespace attnewton
