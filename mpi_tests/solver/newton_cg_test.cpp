// Newton–CG on functions written out: its end, and where it has to give up.
#include "attnewton/solver/newton_cg.hpp"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "support/kink.hpp"
#include "support/newton_cg_solve.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

// At the end each step takes the relative gradient r to 1000 r^1.5 or below: superlinear.
TEST(NewtonCg, FindsRosenbrocksMinimumWithASuperlinearEnd) {
  const Rosenbrock problem(12);
  const auto exact = exact_hessian(problem);
  UnitPreconditioner unit;
  for (const Index keep : {1, 3}) {
    for (DampedHessian* preconditioner : {static_cast<DampedHessian*>(&unit), exact.get()}) {
      SCOPED_TRACE(preconditioner->name() + ", kept for " + std::to_string(keep));
      NewtonCgOptions options;
      options.tolerance = 1e-13;
      options.preconditioner.keep = keep;
      const NewtonCgSolve result =
          solve_by_newton_cg(problem, *preconditioner, Vector::Constant(12, -1.2), options);
      ASSERT_EQ(result.summary.status, SolveStatus::converged) << result.summary.reason;
      EXPECT_LE(result.summary.point->objective().loss, 1e-18);
      const auto& records = result.records;
      ASSERT_GE(records.size(), 4U);
      for (std::size_t k = 1; k < records.size(); ++k) {
        EXPECT_LE(records[k].objective.loss, records[k - 1].objective.loss) << k;
        EXPECT_EQ(records[k].method, "newton-cg");
      }
      for (const std::size_t k : {records.size() - 2, records.size() - 1}) {
        EXPECT_LE(records[k].relative_gradient,
                  std::max(1e-13, 1000 * std::pow(records[k - 1].relative_gradient, 1.5)))
            << k;
      }
    }
  }
}

TEST(NewtonCg, StaysInTheDomain) {
  Rosenbrock problem(2);
  problem.domain = 1.3;
  UnitPreconditioner unit;
  NewtonCgOptions options;
  options.preconditioner.keep = 1;
  const NewtonCgSolve result = solve_by_newton_cg(problem, unit, Vector::Constant(2, -1.2), options);
  EXPECT_EQ(result.summary.status, SolveStatus::converged) << result.summary.reason;
}

TEST(NewtonCg, GivesTheSameBitsAgain) {
  const Rosenbrock problem(8);
  for (const Index keep : {1, 3}) {
    NewtonCgOptions options;
    options.preconditioner.keep = keep;
    const auto first = exact_hessian(problem);
    const auto second = exact_hessian(problem);
    const NewtonCgSolve once = solve_by_newton_cg(problem, *first, Vector::Constant(8, -1.2), options);
    const NewtonCgSolve again = solve_by_newton_cg(problem, *second, Vector::Constant(8, -1.2), options);
    EXPECT_EQ(once.summary.point->theta(), again.summary.point->theta());
    EXPECT_EQ(once.records.size(), again.records.size());
  }
}

// A preconditioner that has no factor, whatever the shift: H̃ is not finite, or hopelessly indefinite.
class Unfactorable : public UnitPreconditioner {
 public:
  explicit Unfactorable(double diagonal) : diagonal_(diagonal) {}
  double mean_abs_diagonal() const override { return diagonal_; }
  bool factor(double /*shift*/) override { return false; }

 private:
  double diagonal_;
};

TEST(NewtonCg, GivesUpWithAReasonWithoutAPreconditioner) {
  const Rosenbrock problem(3);
  for (const double diagonal : {1.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
    Unfactorable preconditioner(diagonal);
    const NewtonCgSolve result = solve_by_newton_cg(problem, preconditioner, Vector::Zero(3), {});
    EXPECT_EQ(result.summary.status, SolveStatus::numerical_failure);
    EXPECT_NE(result.summary.reason.find("could precondition"), std::string::npos) << result.summary.reason;
    EXPECT_EQ(result.summary.point->theta(), Vector(Vector::Zero(3)));
  }
}

class WithoutProducts : public Rosenbrock {
 public:
  using Rosenbrock::Rosenbrock;
  Vector hessian_vector(const Point& /*point*/, const Vector& v) const override { return v * std::nan(""); }
};

TEST(NewtonCg, GivesUpWithAReasonWhereProductsAreNotFinite) {
  const WithoutProducts problem(3);
  UnitPreconditioner unit;
  const NewtonCgSolve result = solve_by_newton_cg(problem, unit, Vector::Zero(3), {});
  EXPECT_EQ(result.summary.status, SolveStatus::numerical_failure);
  EXPECT_FALSE(result.summary.reason.empty());
}

// At the corner every step goes up, until the shift has made it too short to be seen.
TEST(NewtonCg, AStepThatTheShiftHidesIsNoConvergence) {
  const Kink problem;
  UnitPreconditioner unit;
  NewtonCgOptions options;
  options.preconditioner.keep = 1;
  const NewtonCgSolve result = solve_by_newton_cg(problem, unit, Vector::Ones(1), options);
  EXPECT_EQ(result.summary.status, SolveStatus::numerical_failure) << result.summary.reason;
  EXPECT_EQ(result.summary.gradient_norm, 1);
}

// Rosenbrock's function whose products are of a Hessian that is not finite in mixed precision.
class CoarseProducts : public Rosenbrock {
 public:
  using Rosenbrock::Rosenbrock;
  Precision precision() const override { return Precision::mixed; }
  std::unique_ptr<Point> evaluate_fully(const Vector& theta, Precision curvature) const override {
    auto point = Rosenbrock::evaluate(theta);
    point->set_curvature(curvature);
    return point;
  }
  Vector hessian_vector(const Point& point, const Vector& v) const override {
    const double factor = point.curvature() == Precision::mixed ? std::nan("") : 1;
    return factor * Rosenbrock::hessian_vector(point, v);
  }
};

TEST(NewtonCg, RefinesProductsThatAreNotFinite) {
  const CoarseProducts problem(4);
  UnitPreconditioner unit;
  NewtonCgOptions options;
  options.preconditioner.keep = 1;
  const NewtonCgSolve result = solve_by_newton_cg(problem, unit, Vector::Constant(4, -1.2), options);
  EXPECT_EQ(result.summary.status, SolveStatus::converged) << result.summary.reason;
  EXPECT_EQ(result.records.back().curvature, Precision::full);
}

}  // namespace
}  // namespace attnewton
