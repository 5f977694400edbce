// Newton's method on Rosenbrock's function and where it has to give up: path, domain, limits, reasons.
#include "attnewton/solver/newton.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"

#include "support/kink.hpp"
#include "support/recorder.hpp"
#include "support/rosenbrock.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

TEST(Newton, FindsRosenbrocksMinimumMonotonicallyWithAQuadraticEnd) {
  const Rosenbrock problem(6);
  Recorder recorder;
  IterationObserver* observers[] = {&recorder};
  NewtonOptions options;
  options.tolerance = 1e-12;
  const SolveSummary summary =
      minimise_by_newton(problem, RosenbrockHessian(problem), Vector::Constant(6, -1.2), options, observers);
  ASSERT_EQ(summary.status, SolveStatus::converged) << summary.reason;
  EXPECT_LE((summary.point->theta() - Vector::Ones(6)).norm(), 1e-9);

  const auto& records = recorder.records;
  ASSERT_EQ(static_cast<Index>(records.size()), summary.iterations + 1);
  for (std::size_t k = 1; k < records.size(); ++k) {
    EXPECT_EQ(records[k].iteration, static_cast<Index>(k));
    EXPECT_LE(records[k].objective.loss, records[k - 1].objective.loss);
  }
  // Quadratic: each of the last two steps takes the relative gradient r to 100 r² or below.
  const std::size_t last = records.size() - 1;
  for (const std::size_t k : {last - 1, last}) {
    EXPECT_LE(records[k].relative_gradient,
              std::max(1e-12, 100 * std::pow(records[k - 1].relative_gradient, 2)))
        << k;
  }
}

TEST(Newton, StaysInTheDomain) {
  Rosenbrock problem(2);
  problem.domain = 1.3;
  const SolveSummary summary =
      minimise_by_newton(problem, RosenbrockHessian(problem), Vector::Constant(2, -1.2), {}, {});
  EXPECT_EQ(summary.status, SolveStatus::converged) << summary.reason;
  EXPECT_THROW(minimise_by_newton(problem, RosenbrockHessian(problem), Vector::Constant(2, 2), {}, {}),
               NumericalError);
}

TEST(Newton, EndsWithTheRightStatusAtItsLimits) {
  const Rosenbrock problem(4);
  NewtonOptions options;
  options.max_iterations = 2;
  SolveSummary summary =
      minimise_by_newton(problem, RosenbrockHessian(problem), Vector::Constant(4, -1.2), options, {});
  EXPECT_EQ(summary.status, SolveStatus::max_iterations);
  EXPECT_EQ(summary.iterations, 2);
  EXPECT_LT(summary.point->objective().loss, summary.initial_loss);

  options.time_limit_seconds = 0;
  summary = minimise_by_newton(problem, RosenbrockHessian(problem), Vector::Constant(4, -1.2), options, {});
  EXPECT_EQ(summary.status, SolveStatus::time_limit);

  summary = minimise_by_newton(problem, RosenbrockHessian(problem), Vector::Ones(4), {}, {});
  EXPECT_EQ(summary.status, SolveStatus::converged) << "a start at the minimum";
  EXPECT_EQ(summary.iterations, 0);
}

TEST(Newton, StopsInGoodOrderWhenAnyRankIsTold) {
  const Rosenbrock problem(4);
  const bool last_rank = problem.comm().rank() == problem.comm().size() - 1;
  Recorder recorder;
  IterationObserver* observers[] = {&recorder};
  NewtonOptions options;
  options.stop_requested = [&] { return last_rank && recorder.records.size() > 3; };
  const SolveSummary summary =
      minimise_by_newton(problem, RosenbrockHessian(problem), Vector::Constant(4, -1.2), options, observers);
  EXPECT_EQ(summary.status, SolveStatus::stopped);
  EXPECT_EQ(summary.iterations, 3);
  EXPECT_LT(summary.point->objective().loss, summary.initial_loss);
}

TEST(Newton, AStartAtTheSolutionConvergesAtOnceAlthoughItsGradientCannotFall) {
  const Rosenbrock problem(5);
  const SolveSummary first =
      minimise_by_newton(problem, RosenbrockHessian(problem), Vector::Constant(5, -1.2), {}, {});
  ASSERT_EQ(first.status, SolveStatus::converged);
  NewtonOptions options;
  options.tolerance = 0;
  const SolveSummary again =
      minimise_by_newton(problem, RosenbrockHessian(problem), first.point->theta(), options, {});
  EXPECT_EQ(again.status, SolveStatus::converged) << again.reason;
  EXPECT_LE(again.iterations, 6);
}

TEST(Newton, SaysSoWhenTheGradientIsNotFinite) {
  class Overflowing : public Rosenbrock {
   public:
    using Rosenbrock::Rosenbrock;
    Vector gradient(const Point& point) const override { return Rosenbrock::gradient(point) * INFINITY; }
  };
  const Overflowing problem(3);
  const SolveSummary summary =
      minimise_by_newton(problem, RosenbrockHessian(problem), Vector::Constant(3, -1.2), {}, {});
  EXPECT_EQ(summary.status, SolveStatus::numerical_failure);
  EXPECT_NE(summary.reason.find("gradient is not finite"), std::string::npos);
}

// A Hessian that has no Cholesky factor, whatever the shift.
class Unfactorable : public HessianModel {
 public:
  std::string name() const override { return "unfactorable"; }
  void assemble(const Point&, const Progress&, DistributedMatrix& h) const override {
    h.set_zero();
    h.add_to_diagonal(std::nan(""), h.rows());
  }
};

TEST(Newton, GivesUpWithAReasonWhenNoShiftHelps) {
  const Rosenbrock problem(3);
  const SolveSummary summary = minimise_by_newton(problem, Unfactorable(), Vector::Zero(3), {}, {});
  EXPECT_EQ(summary.status, SolveStatus::numerical_failure);
  EXPECT_NE(summary.reason.find("no shift"), std::string::npos);
  EXPECT_EQ(summary.point->theta(), Vector(Vector::Zero(3)));
}

class UnitHessian : public HessianModel {
 public:
  std::string name() const override { return "exact"; }
  void assemble(const Point& /*point*/, const Progress&, DistributedMatrix& h) const override {
    h.set_zero();
    h.add_to_diagonal(1, 1);
  }
};

// At the kink every step goes up, until the shift has made it too short to be seen.
TEST(Newton, AStepThatTheShiftHidesIsNoConvergence) {
  const SolveSummary summary = minimise_by_newton(Kink(), UnitHessian(), Vector::Ones(1), {}, {});
  EXPECT_EQ(summary.status, SolveStatus::numerical_failure) << summary.reason;
  EXPECT_EQ(summary.gradient_norm, 1);
}

}  // namespace
}  // namespace attnewton
