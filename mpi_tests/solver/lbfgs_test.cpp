// L-BFGS on functions written out: its directions against the dense update, the conditions at its steps, its
// pace with and without a metric.
#include "attnewton/solver/lbfgs.hpp"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "attnewton/random/stream.hpp"
#include "attnewton/solver/minimise.hpp"

#include "support/counting.hpp"
#include "support/kink.hpp"
#include "support/plain_solution.hpp"
#include "support/recorder.hpp"
#include "support/rosenbrock.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

// ½(θ − 1)ᵀA(θ − 1) + 1, A = R diag(curvatures) Rᵀ with R a product of two reflections.
class Quadratic : public Problem {
 public:
  explicit Quadratic(const Vector& curvatures) : a_(curvatures.asDiagonal()) {
    for (const std::uint64_t seed : {61U, 62U}) {
      const Vector v = RandomStream(seed, RandomPurpose::inputs).normal_rows({0, a_.rows()}, 1).col(0);
      const Matrix reflection =
          Matrix::Identity(a_.rows(), a_.rows()) - 2 / v.squaredNorm() * v * v.transpose();
      a_ = reflection * a_ * reflection;
    }
  }
  const Communicator& comm() const override { return comm_; }
  Index unknowns() const override { return a_.rows(); }
  std::unique_ptr<Point> evaluate(const Vector& theta) const override {
    const Vector off = theta - Vector::Ones(unknowns());
    return std::make_unique<Point>(theta, Objective{1 + 0.5 * off.dot(a_ * off), 0, 0});
  }
  Vector gradient(const Point& point) const override {
    return a_ * (point.theta() - Vector::Ones(unknowns()));
  }
  Vector hessian_vector(const Point& /*point*/, const Vector& v) const override { return a_ * v; }

 private:
  Communicator comm_ = Communicator::world();
  Matrix a_;
};

Vector rising_curvatures(Index size, double condition) {
  Vector curvatures(size);
  for (Index i = 0; i < size; ++i)
    curvatures[i] = std::pow(condition, static_cast<double>(i) / static_cast<double>(size - 1));
  return curvatures;
}

// tridiag(−1, 4, −1) scaled unevenly, whatever the point.
Matrix metric_matrix(Index size) {
  Matrix m = Matrix::Zero(size, size);
  for (Index i = 0; i < size; ++i) {
    m(i, i) = 4 + static_cast<double>(i);
    if (i > 0) m(i, i - 1) = m(i - 1, i) = -1;
  }
  return m;
}

class FixedHessian : public HessianModel {
 public:
  explicit FixedHessian(Matrix h) : h_(std::move(h)) {}
  std::string name() const override { return "fixed"; }
  void assemble(const Point& /*point*/, const Progress&, DistributedMatrix& h) const override {
    h.set_zero();
    Matrix panel = h_;
    if (!h.grid()->comm().is_root()) panel.setZero();
    h.add_reduced_panel(0, 0, panel);
  }

 private:
  Matrix h_;
};

struct Memory {
  std::vector<Vector> s, y;
};

// The inverse BFGS matrix of the last pairs (Nocedal and Wright, equation 7.16), dense, from sᵀy/yᵀM⁻¹y M⁻¹,
// times −g.
Vector dense_direction(const Memory& memory, Index kept, const Matrix& inverse_metric, const Vector& g) {
  const std::size_t pairs = memory.s.size();
  if (pairs == 0) return -inverse_metric * g;
  const Vector& s = memory.s.back();
  const Vector& y = memory.y.back();
  Matrix h = s.dot(y) / y.dot(inverse_metric * y) * inverse_metric;
  for (std::size_t i = pairs - std::min(pairs, static_cast<std::size_t>(kept)); i < pairs; ++i) {
    const double rho = 1 / memory.s[i].dot(memory.y[i]);
    const Matrix v = Matrix::Identity(g.size(), g.size()) - rho * memory.y[i] * memory.s[i].transpose();
    h = (v.transpose() * h * v + rho * memory.s[i] * memory.s[i].transpose()).eval();
  }
  return -h * g;
}

Matrix inverse(const Matrix& m) {
  Matrix result(m.rows(), m.cols());
  for (Index j = 0; j < m.cols(); ++j) result.col(j) = plain_solution(m, Vector::Unit(m.rows(), j));
  return result;
}

// Steps on Rosenbrock's function, each first trial against the dense update.
void expect_dense_directions(const LbfgsOptions& options, DampedHessian* metric,
                             const Matrix& inverse_metric) {
  const Rosenbrock rosenbrock(5);
  const CountingProblem problem(rosenbrock);
  Iterate iterate(problem, Vector::Constant(5, -1.2));
  Lbfgs lbfgs(options, metric);
  Memory memory;
  for (int k = 0; k < 12; ++k) {
    const Vector theta = iterate.point().theta();
    const Vector g = iterate.gradient();
    const Vector expected = dense_direction(memory, options.memory, inverse_metric, g);
    const auto evaluations = problem.evaluated.size();
    IterationRecord record;
    auto step = lbfgs.find_step(iterate, record);
    ASSERT_TRUE(step.has_value());
    // Before there is a pair the first length is not 1.
    const Vector first = problem.evaluated[evaluations] - theta;
    const double scale = k == 0 ? first.norm() / expected.norm() : 1;
    EXPECT_LE((first - scale * expected).norm(), 1e-8 * first.norm()) << "step " << k;
    iterate.take(std::move(*step));
    memory.s.push_back(iterate.point().theta() - theta);
    memory.y.push_back(iterate.gradient() - g);
  }
}

TEST(Lbfgs, GoesAlongTheDenseBfgsDirection) {
  for (const Index kept : {1, 3, 20}) {
    LbfgsOptions options;
    options.memory = kept;
    expect_dense_directions(options, nullptr, Matrix::Identity(5, 5));
  }
}

TEST(Lbfgs, GoesAlongTheDenseBfgsDirectionOfItsMetric) {
  const Rosenbrock problem(5);
  const auto metric = make_assembled_hessian(problem, std::make_shared<FixedHessian>(metric_matrix(5)));
  LbfgsOptions options;
  options.memory = 3;
  options.plain_steps = 0;
  options.keep_metric = 1000;
  options.metric_shift = 2;
  // ‖g‖/‖g₀‖ is 1 where the metric is taken.
  Matrix damped = metric_matrix(5);
  damped.diagonal().array() += 2 * metric_matrix(5).diagonal().mean();
  expect_dense_directions(options, metric.get(), inverse(damped));
}

// With all but exact searches these are conjugate gradients: as many steps as unknowns.
TEST(Lbfgs, EndsOnAQuadraticAfterAsManyStepsAsUnknowns) {
  const Quadratic problem(rising_curvatures(10, 100));
  LbfgsOptions options;
  options.line_search.curvature = 1e-9;
  Lbfgs lbfgs(options);
  MinimiseOptions limits;
  limits.tolerance = 1e-6;
  const SolveSummary summary = minimise(problem, lbfgs, Vector::Zero(10), limits, {});
  EXPECT_EQ(summary.status, SolveStatus::converged) << summary.reason;
  EXPECT_LE(summary.iterations, 11);
}

TEST(Lbfgs, StepsSatisfyTheStrongWolfeConditions) {
  const Rosenbrock rosenbrock(6);
  const CountingProblem problem(rosenbrock);
  Iterate iterate(problem, Vector::Constant(6, -1.2));
  Lbfgs lbfgs({});
  for (int k = 0; k < 30; ++k) {
    const Vector theta = iterate.point().theta();
    const Vector g = iterate.gradient();
    const double loss = iterate.point().objective().loss;
    const Index evaluations = problem.evaluations();
    const Index gradients = problem.gradients;
    IterationRecord record;
    auto step = lbfgs.find_step(iterate, record);
    ASSERT_TRUE(step.has_value());
    const double norm = step->norm;
    const double ratio = step->ratio;
    EXPECT_EQ(record.trials, problem.evaluations() - evaluations);
    EXPECT_EQ(record.trials, problem.gradients - gradients);
    EXPECT_EQ(record.trials, lbfgs.last_evaluations());
    EXPECT_EQ(record.products, 0);
    EXPECT_EQ(record.factorisations, 0);
    EXPECT_EQ(record.method, "lbfgs");
    iterate.take(std::move(*step));
    const Vector s = iterate.point().theta() - theta;
    const double slope = g.dot(s);
    EXPECT_LE(iterate.point().objective().loss, loss + 1e-4 * slope + 1e-14);
    EXPECT_LE(std::abs(iterate.gradient().dot(s)), 0.9 * std::abs(slope) * (1 + 1e-9));
    EXPECT_NEAR(norm, s.norm(), 1e-12 * s.norm());
    EXPECT_NEAR(ratio, (loss - iterate.point().objective().loss) / (-0.5 * slope), 1e-6);
  }
  EXPECT_EQ(problem.products, 0);
}

TEST(Lbfgs, FindsRosenbrocksMinimumMonotonically) {
  Rosenbrock problem(6);
  problem.domain = 2;
  Lbfgs lbfgs({});
  Recorder recorder;
  IterationObserver* observers[] = {&recorder};
  MinimiseOptions limits{.tolerance = 1e-12, .max_iterations = 300};
  const SolveSummary summary = minimise(problem, lbfgs, Vector::Constant(6, -1.2), limits, observers);
  ASSERT_EQ(summary.status, SolveStatus::converged) << summary.reason;
  EXPECT_LE((summary.point->theta() - Vector::Ones(6)).norm(), 1e-8);
  for (std::size_t k = 1; k < recorder.records.size(); ++k)
    EXPECT_LE(recorder.records[k].objective.loss, recorder.records[k - 1].objective.loss) << k;
}

// A metric that is the Hessian makes steps Newton's; it is taken as often as the options say.
TEST(Lbfgs, NeedsFewStepsWithAGoodMetric) {
  const Vector curvatures = rising_curvatures(40, 1e6);
  const Quadratic problem(curvatures);
  Matrix hessian(40, 40);
  const auto start = problem.evaluate(Vector::Zero(40));
  for (Index j = 0; j < 40; ++j) hessian.col(j) = problem.hessian_vector(*start, Vector::Unit(40, j));
  const auto assembled = make_assembled_hessian(problem, std::make_shared<FixedHessian>(hessian));
  CountingHessian metric(*assembled);
  LbfgsOptions options;
  options.plain_steps = 3;
  options.keep_metric = 4;
  const MinimiseOptions limits{.tolerance = 1e-9, .max_iterations = 1000};
  Lbfgs with(options, &metric);
  Recorder recorder;
  IterationObserver* observers[] = {&recorder};
  const SolveSummary fast = minimise(problem, with, Vector::Zero(40), limits, observers);
  Lbfgs without(options);
  const SolveSummary slow = minimise(problem, without, Vector::Zero(40), limits, {});
  ASSERT_EQ(fast.status, SolveStatus::converged) << fast.reason;
  EXPECT_LE(5 * fast.iterations, slow.iterations);
  ASSERT_GE(metric.updated_at.size(), 2U);
  for (std::size_t i = 0; i < metric.updated_at.size(); ++i)
    EXPECT_EQ(metric.updated_at[i], 3 + 4 * static_cast<Index>(i));
  Index factorisations = 0;
  for (const IterationRecord& record : recorder.records) factorisations += record.factorisations;
  EXPECT_EQ(factorisations, metric.factored);
}

// A metric that no shift makes positive definite is done without.
TEST(Lbfgs, GoesOnWithoutAMetricThatHasNoFactor) {
  const Rosenbrock problem(4);
  LbfgsOptions options;
  options.plain_steps = 2;
  const auto start = Vector::Constant(4, -1.2);
  const MinimiseOptions limits{.max_iterations = 300};
  Lbfgs plain(options);
  const SolveSummary expected = minimise(problem, plain, start, limits, {});
  const auto metric =
      make_assembled_hessian(problem, std::make_shared<FixedHessian>(Matrix::Constant(4, 4, std::nan(""))));
  Lbfgs lbfgs(options, metric.get());
  const SolveSummary summary = minimise(problem, lbfgs, start, limits, {});
  EXPECT_EQ(summary.status, SolveStatus::converged) << summary.reason;
  EXPECT_EQ(summary.point->theta(), expected.point->theta());
}

TEST(Lbfgs, GivesUpWithAReasonAtACorner) {
  const Kink problem;
  Lbfgs lbfgs({});
  const SolveSummary summary = minimise(problem, lbfgs, Vector::Ones(1), {}, {});
  EXPECT_EQ(summary.status, SolveStatus::numerical_failure);
  EXPECT_NE(summary.reason.find("Wolfe"), std::string::npos) << summary.reason;
  EXPECT_EQ(summary.point->theta()[0], 1);
}

}  // namespace
}  // namespace attnewton
