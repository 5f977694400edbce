// The automatic method: who makes which steps, and when the next one takes over.
#include "attnewton/solver/automatic.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "attnewton/curvature/kronecker_hessian.hpp"
#include "attnewton/solver/minimise.hpp"

#include "support/kink.hpp"
#include "support/recorder.hpp"
#include "support/rosenbrock.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

struct Settings {
  double newton_cost = 1e6;
  double preconditioner_cost = 0;
  Index memory = 20;
  bool has_lbfgs_steps = true;
  bool has_newton_cg_steps = true;
  double tolerance = 1e-10;
  Index max_iterations = 2000;
};

struct Solve {
  SolveSummary summary;
  std::vector<IterationRecord> records;

  // The methods in order, each named once for a run of its steps.
  std::vector<std::string> stages() const {
    std::vector<std::string> names;
    for (std::size_t k = 1; k < records.size(); ++k) {
      if (names.empty() || names.back() != records[k].method) names.push_back(records[k].method);
    }
    return names;
  }
  Index steps_of(const std::string& method) const {
    Index steps = 0;
    for (const IterationRecord& record : records) steps += record.method == method ? 1 : 0;
    return steps;
  }
};

Solve solve(const Problem& problem, std::shared_ptr<const HessianModel> hessian, const Vector& start,
            const Settings& settings) {
  const auto none = make_identity_hessian(problem);
  const auto exact = make_assembled_hessian(problem, std::move(hessian));
  LbfgsOptions lbfgs_options;
  lbfgs_options.memory = settings.memory;
  // Three trials never find a slope as small as that.
  if (!settings.has_lbfgs_steps) lbfgs_options.line_search = {1e-4, 1e-13, 3};
  NewtonCgOptions newton_cg_options;
  newton_cg_options.tolerance = settings.tolerance;
  if (!settings.has_newton_cg_steps) newton_cg_options.most_products = 0;
  newton_cg_options.preconditioner.keep = 1;
  Lbfgs lbfgs(lbfgs_options);
  NewtonCg newton_cg(*none, newton_cg_options);
  DampedNewton newton(*exact, {});
  Automatic method(lbfgs, newton_cg, newton,
                   {settings.tolerance, settings.newton_cost, settings.preconditioner_cost});
  Recorder recorder;
  IterationObserver* observers[] = {&recorder};
  Solve result;
  result.summary =
      minimise(problem, method, start,
               {.tolerance = settings.tolerance, .max_iterations = settings.max_iterations}, observers);
  result.records = recorder.records;
  return result;
}

Solve solve_rosenbrock(const Settings& settings, const Vector& start) {
  const Rosenbrock problem(start.size());
  return solve(problem, std::make_shared<RosenbrockHessian>(problem), start, settings);
}

using Names = std::vector<std::string>;

TEST(Automatic, TakesNewtonStepsAloneWhereTheHessianIsCheap) {
  const Solve result = solve_rosenbrock({.newton_cost = 2}, Vector::Constant(6, -1.2));
  ASSERT_EQ(result.summary.status, SolveStatus::converged) << result.summary.reason;
  EXPECT_EQ(result.stages(), Names{"newton"});
  EXPECT_EQ(result.records.front().method, "");
}

// Of two hundred unknowns the valley is long: the gradient's norm does not fall for many steps.
TEST(Automatic, HandsOverWhereLbfgsIsSlow) {
  const Solve result = solve_rosenbrock({}, Vector::Constant(60, -1.2));
  ASSERT_EQ(result.summary.status, SolveStatus::converged) << result.summary.reason;
  EXPECT_EQ(result.stages(), (Names{"lbfgs", "newton-cg"}));
  EXPECT_GE(result.steps_of("lbfgs"), 51) << "no rate is known before";
  for (const IterationRecord& record : result.records) {
    EXPECT_EQ(record.products > 0, record.method == "newton-cg") << record.iteration;
  }
}

TEST(Automatic, GoesOnWithLbfgsWhereTheNextMethodCostsMore) {
  Settings settings;
  settings.preconditioner_cost = 1e6;
  const Solve costly = solve_rosenbrock(settings, Vector::Constant(6, 0.5));
  ASSERT_EQ(costly.summary.status, SolveStatus::converged) << costly.summary.reason;
  EXPECT_EQ(costly.stages(), Names{"lbfgs"});
}

// The less the next method costs, the sooner it takes over.
TEST(Automatic, HandsOverTheSoonerTheCheaperTheNextMethodIs) {
  Settings settings;
  settings.memory = 2;
  Index steps_before = 0;
  for (const double cost : {0.0, 100.0, 1e4}) {
    settings.preconditioner_cost = cost;
    const Solve result = solve_rosenbrock(settings, Vector::Constant(10, 0.5));
    ASSERT_EQ(result.summary.status, SolveStatus::converged) << result.summary.reason;
    EXPECT_GE(result.steps_of("lbfgs"), std::max<Index>(steps_before, 51)) << cost;
    steps_before = result.steps_of("lbfgs");
  }
}

// The record counts the trials of the line search that failed.
TEST(Automatic, GoesOnWithNewtonCgWhereLbfgsFindsNoStep) {
  const Solve result = solve_rosenbrock({.has_lbfgs_steps = false}, Vector::Constant(6, -1.2));
  ASSERT_EQ(result.summary.status, SolveStatus::converged) << result.summary.reason;
  EXPECT_EQ(result.stages(), Names{"newton-cg"});
  EXPECT_GE(result.records[1].trials, 4);
}

TEST(Automatic, GoesOnWithNewtonWhereNewtonCgFindsNoStepEither) {
  const Solve result =
      solve_rosenbrock({.has_lbfgs_steps = false, .has_newton_cg_steps = false}, Vector::Constant(6, -1.2));
  ASSERT_EQ(result.summary.status, SolveStatus::converged) << result.summary.reason;
  EXPECT_EQ(result.stages(), Names{"newton"});
  EXPECT_GE(result.records[1].trials, 4);
  EXPECT_EQ(result.records[1].products, 1) << "of the estimate of the first shift";
}

// ½θᵀ diag(c) θ, c from 1 to 1e-7, times 1e-24, + 1: all decreases drown in the loss, none in the gradient.
class Shallow : public Problem {
 public:
  const Communicator& comm() const override { return comm_; }
  Index unknowns() const override { return 30; }
  std::unique_ptr<Point> evaluate(const Vector& theta) const override {
    return std::make_unique<Point>(theta, Objective{1 + 0.5 * theta.dot(curvatures().cwiseProduct(theta))});
  }
  Vector gradient(const Point& point) const override { return curvatures().cwiseProduct(point.theta()); }
  Vector hessian_vector(const Point& /*point*/, const Vector& v) const override {
    return curvatures().cwiseProduct(v);
  }

  // Where all entries of the gradient are alike.
  Vector steep_start() const { return 1e-24 * curvatures().cwiseInverse(); }

 private:
  Vector curvatures() const {
    Vector c(unknowns());
    for (Index i = 0; i < c.size(); ++i) c[i] = 1e-24 * std::pow(10, -7.0 * static_cast<double>(i) / 29);
    return c;
  }
  Communicator comm_ = Communicator::world();
};

// Steps of L-BFGS that showed no progress do not count against the method that takes over.
TEST(Automatic, LetsTheNextMethodShowItsProgress) {
  const Shallow problem;
  Settings settings;
  settings.memory = 1;
  const Solve result = solve(problem, nullptr, problem.steep_start(), settings);
  EXPECT_EQ(result.summary.status, SolveStatus::converged) << result.summary.reason;
  EXPECT_EQ(result.stages(), (Names{"lbfgs", "newton-cg"}));
  EXPECT_LE(result.records.back().relative_gradient, settings.tolerance) << result.summary.reason;
}

class UnitHessian : public HessianModel {
 public:
  std::string name() const override { return "exact"; }
  void assemble(const Point& /*point*/, const Progress&, DistributedMatrix& h) const override {
    h.set_zero();
    h.add_to_diagonal(1, 1);
  }
};

TEST(Automatic, GivesUpWhereNoMethodHasAStep) {
  const Kink problem;
  const Solve result = solve(problem, std::make_shared<UnitHessian>(), Vector::Ones(1), {});
  EXPECT_EQ(result.summary.status, SolveStatus::numerical_failure);
  EXPECT_NE(result.summary.reason.find("no shift"), std::string::npos) << result.summary.reason;
}

TEST(Automatic, GivesTheSameBitsAgain) {
  const Solve once = solve_rosenbrock({}, Vector::Constant(60, -1.2));
  const Solve again = solve_rosenbrock({}, Vector::Constant(60, -1.2));
  EXPECT_EQ(once.summary.point->theta(), again.summary.point->theta());
}

}  // namespace
}  // namespace attnewton
