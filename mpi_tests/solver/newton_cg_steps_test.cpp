// Single steps of Newton–CG: saddles, steps that are cut back, preconditioners that are kept, and what the
// records say of them.
#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "support/counting.hpp"
#include "support/newton_cg_solve.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

// ¼x⁴ − ½x² + ½y²: a saddle at 0, minima of −¼ at (±1, 0).
class Saddle : public Problem {
 public:
  const Communicator& comm() const override { return comm_; }
  Index unknowns() const override { return 2; }
  std::unique_ptr<Point> evaluate(const Vector& t) const override {
    const double square = t[0] * t[0];
    const double loss = 0.25 * square * square - 0.5 * square + 0.5 * t[1] * t[1];
    return std::make_unique<Point>(t, Objective{loss, 0, 0});
  }
  Vector gradient(const Point& point) const override {
    const Vector& t = point.theta();
    return Vector{{t[0] * t[0] * t[0] - t[0], t[1]}};
  }
  Vector hessian_vector(const Point& point, const Vector& v) const override {
    const double x = point.theta()[0];
    return Vector{{(3 * x * x - 1) * v[0], v[1]}};
  }

 private:
  Communicator comm_ = Communicator::world();
};

TEST(NewtonCg, LeavesASaddleByARaisedShift) {
  const Saddle problem;
  UnitPreconditioner unit;
  NewtonCgOptions options;
  options.preconditioner.keep = 1;
  for (const double x : {1e-3, -0.1}) {
    for (const double y : {0.0, 0.5}) {
      const NewtonCgSolve result = solve_by_newton_cg(problem, unit, Vector{{x, y}}, options);
      ASSERT_EQ(result.summary.status, SolveStatus::converged) << result.summary.reason;
      EXPECT_NEAR(result.summary.point->objective().loss, -0.25, 1e-12);
      EXPECT_EQ(result.summary.point->theta()[0] > 0, x > 0) << "down the side that it began on";
      double largest = 0;
      for (const IterationRecord& record : result.records) largest = std::max(largest, record.damping);
      EXPECT_GE(largest, 1 - 3 * x * x) << "a shift that makes the curvature positive";
    }
  }
}

// At the saddle's side the first direction has curvature −1: the shift goes to twice what it lacks at once.
TEST(NewtonCg, RaisesTheShiftByWhatItLacks) {
  const Saddle problem;
  UnitPreconditioner unit;
  NewtonCg method(unit, {});
  Iterate iterate(problem, Vector{{1e-3, 0}});
  IterationRecord record;
  const auto step = method.find_step(iterate, record);
  ASSERT_TRUE(step.has_value());
  EXPECT_NEAR(record.damping, 2, 1e-3);
  EXPECT_EQ(record.products, 3) << "a probe and two directions";
  EXPECT_NEAR(step->norm, 1e-3 / (2 - 1), 1e-5);
}

// √(1 + x²): Newton's steps from |x| > 1 go too far.
class Hyperbola : public Problem {
 public:
  const Communicator& comm() const override { return comm_; }
  Index unknowns() const override { return 1; }
  std::unique_ptr<Point> evaluate(const Vector& x) const override {
    return std::make_unique<Point>(x, Objective{std::hypot(1, x[0]), 0, 0});
  }
  Vector gradient(const Point& point) const override {
    return Vector::Constant(1, point.theta()[0] / std::hypot(1, point.theta()[0]));
  }
  Vector hessian_vector(const Point& point, const Vector& v) const override {
    return v * std::pow(std::hypot(1, point.theta()[0]), -3);
  }

 private:
  Communicator comm_ = Communicator::world();
};

// From 3 the whole step goes to −26 or so, a quarter of it to −4; a sixteenth goes down. Cuts cost no
// product, and the next shift is larger.
TEST(NewtonCg, CutsAStepBackBeforeItRaisesTheShift) {
  const Hyperbola hyperbola;
  const CountingProblem problem(hyperbola);
  UnitPreconditioner unit;
  NewtonCg method(unit, {});
  Iterate iterate(problem, Vector::Constant(1, 3));
  IterationRecord first;
  auto step = method.find_step(iterate, first);
  ASSERT_TRUE(step.has_value());
  EXPECT_EQ(first.trials, 3);
  EXPECT_EQ(first.products, 2) << "a probe and a direction";
  ASSERT_EQ(problem.evaluations(), 4);
  const double whole = problem.evaluated[1][0] - 3;
  EXPECT_NEAR(whole, -30 / 1.01, 1e-9);
  EXPECT_NEAR(problem.evaluated[2][0] - 3, whole / 4, 1e-9);
  EXPECT_NEAR(problem.evaluated[3][0] - 3, whole / 16, 1e-9);
  EXPECT_NEAR(first.damping, 0.01 * std::pow(10, -1.5), 1e-12);
  iterate.take(std::move(*step));
  method.after_step(iterate, 1);
  IterationRecord second;
  ASSERT_TRUE(method.find_step(iterate, second).has_value());
  EXPECT_NEAR(second.damping, 3 * first.damping, 1e-12);
}

// M's shift goes along with the damping, up by six orders from far out and down again at the end, on one H̃.
TEST(NewtonCg, FactorsItsPreconditionerAnewWhereTheShiftMovesFar) {
  const Hyperbola problem;
  UnitPreconditioner unit;
  CountingHessian hessian(unit);
  NewtonCgOptions options;
  options.preconditioner.keep = 1000;
  NewtonCg method(hessian, options);
  Iterate iterate(problem, Vector::Constant(1, 1e3));
  double largest = 0;
  for (int k = 0; k < 60 && iterate.gradient_norm() > 1e-3; ++k) {
    IterationRecord record;
    auto step = method.find_step(iterate, record);
    ASSERT_TRUE(step.has_value());
    largest = std::max(largest, record.damping);
    EXPECT_LE(record.damping, 10.001 * hessian.last_shift);
    EXPECT_GE(10.001 * std::max(record.damping, 1e-13), hessian.last_shift);
    const double ratio = step->ratio;
    iterate.take(std::move(*step));
    method.after_step(iterate, ratio);
  }
  EXPECT_LE(iterate.gradient_norm(), 1e-3);
  EXPECT_GE(largest, 1e-6) << "from 1e-11";
  EXPECT_EQ(hessian.updated_at.size(), 1U);
  EXPECT_GE(hessian.factored, 4);
}

// Counting what was really asked for, step by step.
TEST(NewtonCg, RecordsWhatWasDone) {
  const Rosenbrock rosenbrock(8);
  const CountingProblem problem(rosenbrock);
  const auto exact = exact_hessian(rosenbrock);
  CountingHessian hessian(*exact);
  NewtonCgOptions options;
  options.preconditioner.keep = 2;
  NewtonCg method(hessian, options);
  Iterate iterate(problem, Vector::Constant(8, -1.2));
  Index rejected = 0;
  for (int k = 0; k < 60; ++k) {
    const Index evaluations = problem.evaluations();
    const Index products = problem.products;
    const Index factored = hessian.factored;
    IterationRecord record;
    auto step = method.find_step(iterate, record);
    ASSERT_TRUE(step.has_value());
    EXPECT_EQ(record.trials, problem.evaluations() - evaluations) << k;
    EXPECT_EQ(record.products, problem.products - products) << k;
    EXPECT_EQ(record.factorisations, hessian.factored - factored) << k;
    EXPECT_GE(record.products, 1);
    rejected += record.trials - 1;
    const double ratio = step->ratio;
    iterate.take(std::move(*step));
    method.after_step(iterate, ratio);
    if (iterate.relative_gradient() < 1e-8) break;
  }
  EXPECT_LT(iterate.relative_gradient(), 1e-8);
  EXPECT_GE(rejected, 1) << "or the test saw no rejected step";
}

TEST(NewtonCg, KeepsAPreconditionerForTheStepsItIsTold) {
  const Rosenbrock problem(8);
  for (const Index keep : {1, 2, 5}) {
    const auto exact = exact_hessian(problem);
    CountingHessian hessian(*exact);
    NewtonCgOptions options;
    options.preconditioner.keep = keep;
    const NewtonCgSolve result = solve_by_newton_cg(problem, hessian, Vector::Constant(8, -1.2), options);
    ASSERT_EQ(result.summary.status, SolveStatus::converged) << result.summary.reason;
    ASSERT_EQ(static_cast<Index>(hessian.updated_at.size()), (result.summary.iterations + keep - 1) / keep);
    for (std::size_t i = 0; i < hessian.updated_at.size(); ++i)
      EXPECT_EQ(hessian.updated_at[i], keep * static_cast<Index>(i));
  }
}

// However long conjugate gradients took, one H̃ at a point is enough.
TEST(NewtonCg, MakesNoPreconditionerTwiceAtAPoint) {
  const Rosenbrock problem(8);
  UnitPreconditioner unit;
  CountingHessian hessian(unit);
  const NewtonCgSolve result = solve_by_newton_cg(problem, hessian, Vector::Constant(8, -1.2), {});
  ASSERT_EQ(result.summary.status, SolveStatus::converged) << result.summary.reason;
  for (std::size_t i = 1; i < hessian.updated_at.size(); ++i)
    EXPECT_GT(hessian.updated_at[i], hessian.updated_at[i - 1]);
}

}  // namespace
}  // namespace attnewton
