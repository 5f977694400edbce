// Gradient descent with momentum on quadratics: its pace against the condition number, and its monotony.
#include "attnewton/solver/gradient_descent.hpp"

#include <cmath>
#include <limits>
#include <optional>

#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"
#include "attnewton/solver/minimise.hpp"

#include "support/recorder.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

constexpr double condition = 1e4;

// ½ Σ κ^(i/(N−1)) θ_i², curvatures from 1 to κ.
class Valley : public Problem {
 public:
  explicit Valley(Index size) : curvature_(size) {
    for (Index i = 0; i < size; ++i)
      curvature_[i] = std::pow(condition, static_cast<double>(i) / static_cast<double>(size - 1));
  }
  const Communicator& comm() const override { return comm_; }
  Index unknowns() const override { return curvature_.size(); }
  std::unique_ptr<Point> evaluate(const Vector& theta) const override {
    return std::make_unique<Point>(theta,
                                   Objective{0.5 * theta.dot(Vector(curvature_.cwiseProduct(theta))), 0, 0});
  }
  Vector gradient(const Point& point) const override { return curvature_.cwiseProduct(point.theta()); }
  Vector hessian_vector(const Point& /*point*/, const Vector& v) const override {
    return curvature_.cwiseProduct(v);
  }

 private:
  Communicator comm_ = Communicator::world();
  Vector curvature_;
};

GradientDescent with_options(double momentum, std::optional<double> lipschitz_constant) {
  GradientDescentOptions options;
  options.momentum = momentum;
  options.lipschitz_constant = lipschitz_constant;
  return GradientDescent(options);
}

struct Descent {
  SolveSummary summary;
  Recorder recorder;
};

Descent descend(double momentum, std::optional<double> lipschitz_constant, Index most) {
  const Valley problem(40);
  GradientDescent method = with_options(momentum, lipschitz_constant);
  MinimiseOptions limits;
  limits.tolerance = 1e-6;
  limits.max_iterations = most;
  Descent descent;
  IterationObserver* const observers[] = {&descent.recorder};
  descent.summary = minimise(problem, method, Vector::Ones(problem.unknowns()), limits, observers);
  return descent;
}

// Heavy balls take about √κ ln(1/tolerance) = 1400 steps, gradients alone half of κ times as many or more.
TEST(GradientDescent, MomentumTakesStepsByTheRootOfTheCondition) {
  for (const auto constant : {std::optional<double>(), std::optional<double>(condition)}) {
    const Descent fast = descend(GradientDescentOptions{}.momentum, constant, 3000);
    EXPECT_EQ(fast.summary.status, SolveStatus::converged) << fast.summary.iterations;
    const Descent slow = descend(0, constant, 6000);
    EXPECT_NE(slow.summary.status, SolveStatus::converged) << slow.summary.iterations;
  }
}

TEST(GradientDescent, NeverRaisesTheLoss) {
  for (const double momentum : {0.0, 0.5, 0.9, 0.999}) {
    double last = std::numeric_limits<double>::infinity();
    for (const IterationRecord& record : descend(momentum, std::nullopt, 300).recorder.records) {
      EXPECT_LE(record.objective.loss, last);
      last = record.objective.loss;
    }
  }
}

TEST(GradientDescent, OptionsOutsideTheirRange) {
  EXPECT_THROW(with_options(1, std::nullopt), UsageError);
  EXPECT_THROW(with_options(-0.1, std::nullopt), UsageError);
  EXPECT_THROW(with_options(0.9, 0.0), UsageError);
}

}  // namespace
}  // namespace attnewton
