// Gradient descent with momentum: monotone, faster with momentum than without, at any step rule.
#include "attnewton/solver/gradient_descent.hpp"

#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"
#include "attnewton/solver/minimise.hpp"

#include "support/recorder.hpp"
#include "support/rosenbrock.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

// f(θ) = ½ Σ i² (θ_i − 1)², i = 1 … n: its gradient's Lipschitz constant is n².
class Ellipsoid : public Problem {
 public:
  explicit Ellipsoid(Index unknowns)
      : slopes_(Vector::LinSpaced(unknowns, 1, static_cast<double>(unknowns)).cwiseAbs2()) {}
  const Communicator& comm() const override { return comm_; }
  Index unknowns() const override { return slopes_.size(); }
  std::unique_ptr<Point> evaluate(const Vector& t) const override {
    Objective objective;
    objective.loss = 0.5 * slopes_.dot((t.array() - 1).square().matrix());
    return std::make_unique<Point>(t, objective);
  }
  Vector gradient(const Point& point) const override {
    return slopes_.cwiseProduct((point.theta().array() - 1).matrix());
  }
  Vector hessian_vector(const Point& /*point*/, const Vector& v) const override {
    return slopes_.cwiseProduct(v);
  }
  double lipschitz_constant() const { return slopes_.maxCoeff(); }

 private:
  Communicator comm_ = Communicator::world();
  Vector slopes_;
};

constexpr double valley_condition = 1e4;

// ½ Σ κ^(i/(N−1)) θ_i², curvatures from 1 to κ.
class Valley : public Problem {
 public:
  explicit Valley(Index size) : curvature_(size) {
    for (Index i = 0; i < size; ++i)
      curvature_[i] = std::pow(valley_condition, static_cast<double>(i) / static_cast<double>(size - 1));
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

struct Descent {
  std::vector<IterationRecord> records;
  SolveSummary summary;
};

Descent descend(const Problem& problem, const Vector& start, const GradientDescentOptions& options,
                Index most_iterations = 20000, double tolerance = 1e-6) {
  GradientDescent method(options);
  Recorder recorder;
  IterationObserver* observers[] = {&recorder};
  MinimiseOptions limits;
  limits.tolerance = tolerance;
  limits.max_iterations = most_iterations;
  Descent descent;
  descent.summary = minimise(problem, method, start, limits, observers);
  descent.records = std::move(recorder.records);
  return descent;
}

void expect_monotone(const Descent& descent) {
  for (std::size_t i = 1; i < descent.records.size(); ++i)
    EXPECT_LE(descent.records[i].objective.loss, descent.records[i - 1].objective.loss * (1 + 1e-14)) << i;
}

GradientDescentOptions options_of(double momentum, std::optional<double> lipschitz) {
  GradientDescentOptions options;
  options.momentum = momentum;
  options.lipschitz_constant = lipschitz;
  return options;
}

TEST(GradientDescent, FindsTheMinimumMonotonely) {
  const Ellipsoid ellipsoid(8);
  const Vector start = Vector::Zero(8);
  for (const double momentum : {0.0, 0.9}) {
    for (const bool knows_constant : {false, true}) {
      SCOPED_TRACE(testing::Message() << momentum << knows_constant);
      const auto constant =
          knows_constant ? std::optional<double>(ellipsoid.lipschitz_constant()) : std::nullopt;
      const Descent descent = descend(ellipsoid, start, options_of(momentum, constant));
      EXPECT_EQ(descent.summary.status, SolveStatus::converged) << descent.summary.reason;
      EXPECT_LE((descent.summary.point->theta().array() - 1).abs().maxCoeff(), 1e-3);
      expect_monotone(descent);
      EXPECT_EQ(descent.records.back().method, "gradient-descent");
    }
  }
}

// κ = 64: plain descent takes about κ ln(1/ε), the heavy ball some √κ ln(1/ε), restarts apart.
TEST(GradientDescent, MomentumSavesSteps) {
  const Ellipsoid ellipsoid(8);
  const auto constant = ellipsoid.lipschitz_constant();
  const Descent plain = descend(ellipsoid, Vector::Zero(8), options_of(0, constant));
  const Descent fast = descend(ellipsoid, Vector::Zero(8), options_of(0.7, constant));
  EXPECT_LT(2 * fast.summary.iterations, plain.summary.iterations);
}

// Heavy balls take about √κ ln(1/tolerance) = 1400 steps, gradients alone half of κ times as many or more.
TEST(GradientDescent, MomentumTakesStepsByTheRootOfTheCondition) {
  const Valley valley(40);
  const Vector start = Vector::Ones(40);
  for (const auto constant : {std::optional<double>(), std::optional<double>(valley_condition)}) {
    const double momentum = GradientDescentOptions{}.momentum;
    const Descent fast = descend(valley, start, options_of(momentum, constant), 3000);
    EXPECT_EQ(fast.summary.status, SolveStatus::converged) << fast.summary.iterations;
    const Descent slow = descend(valley, start, options_of(0, constant), 6000);
    EXPECT_NE(slow.summary.status, SolveStatus::converged) << slow.summary.iterations;
  }
}

TEST(GradientDescent, BacktrackingKeepsOutOfWhatIsNotFinite) {
  Rosenbrock problem(2);
  problem.domain = 2;
  const Descent descent =
      descend(problem, Vector::Constant(2, -1.5), options_of(0.9, std::nullopt), 3000, 1e-4);
  expect_monotone(descent);
  EXPECT_LE(descent.records.back().objective.loss, 1e-2 * descent.records.front().objective.loss);
}

// A constant that is far too small: the first step is refused, and says so.
TEST(GradientDescent, WrongConstantEndsWithItsReason) {
  const Ellipsoid ellipsoid(4);
  const Descent descent = descend(ellipsoid, Vector::Zero(4), options_of(0.9, 1e-3));
  EXPECT_EQ(descent.summary.status, SolveStatus::numerical_failure);
  EXPECT_NE(descent.summary.reason.find("Lipschitz"), std::string::npos) << descent.summary.reason;
}

TEST(GradientDescent, RefusesOptionsThatMakeNoSense) {
  EXPECT_THROW(GradientDescent(options_of(1, std::nullopt)), UsageError);
  EXPECT_THROW(GradientDescent(options_of(-0.1, std::nullopt)), UsageError);
  EXPECT_THROW(GradientDescent(options_of(0.9, 0.0)), UsageError);
}

}  // namespace
}  // namespace attnewton
