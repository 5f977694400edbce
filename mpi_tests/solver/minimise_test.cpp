// The loop that every method shares: its limits and ends with L-BFGS, Newton–CG and the automatic method.
#include "attnewton/solver/minimise.hpp"

#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"
#include "attnewton/curvature/kronecker_hessian.hpp"
#include "attnewton/solver/automatic.hpp"

#include "support/recorder.hpp"
#include "support/rosenbrock.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

using Run = std::function<SolveSummary(const std::string& method, StepMethod&)>;

// Runs `body` with a fresh method of each kind.
void with_each_method(const Problem& problem, const Run& body) {
  const auto none = make_identity_hessian(problem);
  NewtonCgOptions options;
  options.preconditioner.keep = 1;
  for (const std::string name : {"lbfgs", "newton-cg", "auto"}) {
    SCOPED_TRACE(name);
    Lbfgs lbfgs({});
    NewtonCg newton_cg(*none, options);
    DampedNewton newton(*none, {});
    Automatic automatic(lbfgs, newton_cg, newton, {.newton_cost = 100, .preconditioner_cost = 1});
    StepMethod& method = name == "lbfgs"       ? static_cast<StepMethod&>(lbfgs)
                         : name == "newton-cg" ? static_cast<StepMethod&>(newton_cg)
                                               : static_cast<StepMethod&>(automatic);
    const SolveSummary summary = body(name, method);
    ASSERT_NE(summary.point, nullptr);
    EXPECT_FALSE(summary.reason.empty());
    EXPECT_LE(summary.point->objective().loss, summary.initial_loss + 1e-13);
  }
}

Vector far_start() {
  return Vector::Constant(4, -1.2);
}

TEST(Minimise, EndsAtItsLimitOfIterations) {
  const Rosenbrock problem(4);
  with_each_method(problem, [&](const std::string&, StepMethod& method) {
    Recorder recorder;
    IterationObserver* observers[] = {&recorder};
    SolveSummary summary = minimise(problem, method, far_start(), {.max_iterations = 3}, observers);
    EXPECT_EQ(summary.status, SolveStatus::max_iterations);
    EXPECT_EQ(summary.iterations, 3);
    EXPECT_EQ(recorder.records.size(), 4U);
    EXPECT_LT(summary.point->objective().loss, summary.initial_loss);
    return summary;
  });
}

TEST(Minimise, EndsAtItsTimeLimit) {
  const Rosenbrock problem(4);
  with_each_method(problem, [&](const std::string&, StepMethod& method) {
    SolveSummary summary = minimise(problem, method, far_start(), {.time_limit_seconds = 0}, {});
    EXPECT_EQ(summary.status, SolveStatus::time_limit);
    EXPECT_EQ(summary.iterations, 0);
    return summary;
  });
}

TEST(Minimise, StopsInGoodOrderWhenAnyRankIsTold) {
  const Rosenbrock problem(4);
  const bool is_last = problem.comm().rank() == problem.comm().size() - 1;
  with_each_method(problem, [&](const std::string&, StepMethod& method) {
    Recorder recorder;
    IterationObserver* observers[] = {&recorder};
    MinimiseOptions limits;
    limits.stop_requested = [&] { return is_last && recorder.records.size() > 2; };
    SolveSummary summary = minimise(problem, method, far_start(), limits, observers);
    EXPECT_EQ(summary.status, SolveStatus::stopped);
    EXPECT_EQ(summary.iterations, 2);
    return summary;
  });
}

TEST(Minimise, IsDoneAtAStationaryStart) {
  const Rosenbrock problem(4);
  with_each_method(problem, [&](const std::string&, StepMethod& method) {
    SolveSummary summary = minimise(problem, method, Vector::Ones(4), {}, {});
    EXPECT_EQ(summary.status, SolveStatus::converged);
    EXPECT_EQ(summary.iterations, 0);
    return summary;
  });
}

TEST(Minimise, ThrowsAtAStartOutsideTheDomain) {
  Rosenbrock problem(4);
  problem.domain = 1.1;
  const auto none = make_identity_hessian(problem);
  NewtonCg newton_cg(*none, {});
  EXPECT_THROW(minimise(problem, newton_cg, far_start(), {}, {}), NumericalError);
  Lbfgs lbfgs({});
  EXPECT_THROW(minimise(problem, lbfgs, far_start(), {}, {}), NumericalError);
}

// ½(θ − c)ᵀ diag(1 … 40) (θ − c) + 1 with a gradient that is wrong by 1e-12, as one of long sums: near the
// minimum decreases drown in the loss, and the gradient does not fall. Second derivatives in mixed precision
// if asked for, which changes nothing.
class Bowl : public Problem {
 public:
  explicit Bowl(Precision precision = Precision::full) : precision_(precision) {}
  const Communicator& comm() const override { return comm_; }
  Index unknowns() const override { return 40; }
  Precision precision() const override { return precision_; }
  std::unique_ptr<Point> evaluate(const Vector& theta) const override {
    const Vector off = theta - centre();
    return std::make_unique<Point>(theta, Objective{1 + 0.5 * off.dot(curvatures().cwiseProduct(off)), 0, 0});
  }
  std::unique_ptr<Point> evaluate_fully(const Vector& theta, Precision curvature) const override {
    auto point = evaluate(theta);
    point->set_curvature(curvature);
    return point;
  }
  Vector gradient(const Point& point) const override {
    const Vector noise = (1e15 * point.theta()).array().sin();
    return curvatures().cwiseProduct(point.theta() - centre()) + 1e-12 * noise;
  }
  Vector hessian_vector(const Point& /*point*/, const Vector& v) const override {
    return curvatures().cwiseProduct(v);
  }

  static Vector centre() { return Vector::LinSpaced(40, 1.0 / 3, 10.0 / 3); }

 private:
  static Vector curvatures() { return Vector::LinSpaced(40, 1, 40); }

  Communicator comm_ = Communicator::world();
  Precision precision_;
};

// A start within rounding of the solution, and one from which the way there is long.
TEST(Minimise, KnowsASolutionToWorkingPrecision) {
  for (const Precision precision : {Precision::full, Precision::mixed}) {
    for (const double distance : {1e-13, 1.0}) {
      SCOPED_TRACE(testing::Message() << to_string(precision) << ", from " << distance);
      const Bowl problem(precision);
      const Vector start = Bowl::centre() + Vector::Constant(40, distance);
      with_each_method(problem, [&](const std::string&, StepMethod& method) {
        SolveSummary summary = minimise(problem, method, start, {.tolerance = 0, .max_iterations = 300}, {});
        EXPECT_EQ(summary.status, SolveStatus::converged) << summary.reason;
        EXPECT_LE((summary.point->theta() - Bowl::centre()).norm(), 1e-6);
        return summary;
      });
    }
  }
}

}  // namespace
}  // namespace attnewton
