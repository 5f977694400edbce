// Newton's method on planted multiple softmax regressions.
#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "attnewton/curvature/multi_softmax_hessian.hpp"
#include "attnewton/random/stream.hpp"
#include "attnewton/solver/newton.hpp"

#include "support/whole_multi_softmax.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

class Recorder : public IterationObserver {
 public:
  void on_iteration(const IterationRecord& record) override { records.push_back(record); }
  std::vector<IterationRecord> records;
};

// A regression whose target is the softmax of the scores at X* (normal numbers times `size`), with noise of
// that share of it: both forms have residual 0 at X* without noise.
struct Planted {
  WholeMultiSoftmax whole;
  Vector x;
};

Planted planted(Normalisation normalisation, double size, double noise) {
  constexpr Index d1 = 3;
  constexpr Index d2 = 4;
  Planted planted{random_multi_softmax(200, 40, d1, d2, 31), normal_point(d1 * d2, size, 32)};
  WholeMultiSoftmax& whole = planted.whole;
  whole.normalisation = normalisation;
  whole.scale = 0.8;
  const Matrix scores =
      whole.scale * whole.a1 * ConstMatrixView(planted.x.data(), d1, d2) * whole.a2.transpose();
  const Matrix u = scores.array().exp();
  const RandomStream stream(33, RandomPurpose::noise);
  for (Index j = 0; j < u.rows(); ++j) {
    for (Index k = 0; k < u.cols(); ++k)
      whole.b(j, k) = u(j, k) / u.row(j).sum() * (1 + noise * stream.normal(j * u.cols() + k));
  }
  return planted;
}

struct Solve {
  SolveSummary summary;
  std::vector<IterationRecord> records;
};

Solve solve(const Communicator& comm, const WholeMultiSoftmax& whole, const Vector& start, HessianForm form,
            double tolerance) {
  const MultiSoftmaxProblem problem = multi_softmax_problem(comm, whole);
  Recorder recorder;
  IterationObserver* observers[] = {&recorder};
  NewtonOptions options;
  options.tolerance = tolerance;
  Solve result;
  result.summary = minimise_by_newton(problem, MultiSoftmaxHessian(problem, form), start, options, observers);
  result.records = recorder.records;
  return result;
}

// Each of the last two steps takes the relative gradient r to 100 r² or below.
void expect_quadratic_end(const std::vector<IterationRecord>& records, double tolerance) {
  ASSERT_GE(records.size(), 4U);
  for (const std::size_t k : {records.size() - 2, records.size() - 1}) {
    EXPECT_LE(records[k].relative_gradient,
              std::max(tolerance, 100 * std::pow(records[k - 1].relative_gradient, 2)))
        << k;
  }
}

TEST(MultiSoftmaxSolve, RecoversAPlantedSoftmaxRegressionWithAQuadraticEnd) {
  const Planted problem = planted(Normalisation::softmax, 0.5, 0);
  const Solve result =
      solve(Communicator::world(), problem.whole, Vector::Zero(12), HessianForm::exact, 1e-10);
  ASSERT_EQ(result.summary.status, SolveStatus::converged) << result.summary.reason;
  EXPECT_LE((result.summary.point->theta() - problem.x).norm(), 1e-7 * problem.x.norm());
  EXPECT_LE(result.summary.point->objective().relative_residual, 1e-8);
  expect_quadratic_end(result.records, 1e-10);
}

// exp(S) → 0 has residual 0 as well: a start near X* is in its basin. Rows count by the squares of their sums
// of exp, so that large X* make the problem ill-conditioned.
TEST(MultiSoftmaxSolve, RecoversAPlantedRescaledRegressionWithAQuadraticEnd) {
  const Planted problem = planted(Normalisation::rescaled, 0.2, 0);
  const Solve result = solve(Communicator::world(), problem.whole, problem.x + normal_point(12, 0.02, 34),
                             HessianForm::exact, 1e-10);
  ASSERT_EQ(result.summary.status, SolveStatus::converged) << result.summary.reason;
  EXPECT_LE((result.summary.point->theta() - problem.x).norm(), 1e-7 * problem.x.norm());
  expect_quadratic_end(result.records, 1e-10);
}

TEST(MultiSoftmaxSolve, TakesTheSamePathOnAnyNumberOfRanks) {
  const Planted problem = planted(Normalisation::softmax, 0.5, 0.2);
  for (const HessianForm form : {HessianForm::exact, HessianForm::gauss_newton}) {
    const Solve alone = solve(Communicator::self(), problem.whole, Vector::Zero(12), form, 1e-8);
    const Solve shared = solve(Communicator::world(), problem.whole, Vector::Zero(12), form, 1e-8);
    ASSERT_EQ(alone.summary.status, SolveStatus::converged) << alone.summary.reason;
    ASSERT_EQ(shared.records.size(), alone.records.size());
    for (std::size_t k = 0; k < alone.records.size(); ++k) {
      EXPECT_NEAR(shared.records[k].objective.loss, alone.records[k].objective.loss,
                  1e-10 * alone.records[k].objective.loss);
      EXPECT_NEAR(shared.records[k].relative_gradient, alone.records[k].relative_gradient, 1e-8);
    }
  }
}

// ½(exp(x) − 1)² in each row: the Gauss–Newton step from x = −10 goes to 2·10⁴, where exp overflows.
TEST(MultiSoftmaxSolve, RejectsStepsOutsideTheDomain) {
  WholeMultiSoftmax whole{Matrix::Ones(8, 1), Matrix::Ones(1, 1), Matrix::Ones(8, 1)};
  whole.normalisation = Normalisation::none;
  const Solve result =
      solve(Communicator::world(), whole, Vector::Constant(1, -10), HessianForm::gauss_newton, 1e-8);
  EXPECT_EQ(result.summary.status, SolveStatus::converged) << result.summary.reason;
  EXPECT_NEAR(result.summary.point->theta()[0], 0, 1e-6);
  EXPECT_GT(result.records[1].trials, 1);
}

}  // namespace
}  // namespace attnewton
