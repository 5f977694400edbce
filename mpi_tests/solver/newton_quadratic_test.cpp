// Newton's method on a quadratic: partial damping, Ritz values, and Hessians whose arithmetic is refined.
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "attnewton/solver/newton.hpp"

#include "support/hyper_dual.hpp"
#include "support/recorder.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

// f(θ) = ½θᵀAθ − bᵀθ, A tridiagonal and positive definite; only the first half of θ is damped.
class Quadratic : public Problem {
 public:
  const Communicator& comm() const override { return comm_; }
  Index unknowns() const override { return 70; }
  Index damped_unknowns() const override { return 35; }
  std::unique_ptr<Point> evaluate(const Vector& theta) const override {
    Objective objective;
    objective.loss = 0.5 * theta.dot(hessian() * theta) - theta.sum() + 100;
    return std::make_unique<Point>(theta, objective);
  }
  Vector gradient(const Point& point) const override {
    return hessian() * point.theta() - Vector::Ones(unknowns());
  }
  Vector hessian_vector(const Point&, const Vector& v) const override { return hessian() * v; }
  Matrix hessian() const {
    Matrix a = 3 * Matrix::Identity(unknowns(), unknowns());
    for (Index i = 0; i + 1 < unknowns(); ++i) a(i, i + 1) = a(i + 1, i) = -1;
    return a;
  }

 private:
  Communicator comm_ = Communicator::world();
};

class QuadraticHessian : public HessianModel {
 public:
  std::string name() const override { return "exact"; }
  void assemble(const Point&, const Progress&, DistributedMatrix& h) const override {
    h.set_zero();
    Matrix panel = Quadratic().hessian();
    if (!h.grid()->comm().is_root()) panel.setZero();
    h.add_reduced_panel(0, 0, panel);
  }
};

// A Hessian that is wrong by 1e-6 of itself, as one in single precision, until it is asked for in full.
class NoisyQuadratic : public Quadratic {
 public:
  explicit NoisyQuadratic(double softest) : softest_(softest) {}
  Precision precision() const override { return Precision::mixed; }
  std::unique_ptr<Point> evaluate(const Vector& theta) const override {
    return evaluate_fully(theta, Precision::mixed);
  }
  std::unique_ptr<Point> evaluate_fully(const Vector& theta, Precision curvature) const override {
    Objective objective;
    objective.loss = 0.5 * theta.dot(curvatures().cwiseProduct(theta)) - theta.dot(curvatures()) + 100;
    auto point = std::make_unique<Point>(theta, objective);
    point->set_curvature(curvature);
    return point;
  }
  Vector gradient(const Point& point) const override {
    return curvatures().cwiseProduct(point.theta() - Vector::Ones(unknowns()));
  }
  // From 1 down to the softest.
  Vector curvatures() const {
    Vector c(unknowns());
    for (Index i = 0; i < c.size(); ++i)
      c[i] = std::pow(softest_, static_cast<double>(i) / static_cast<double>(c.size() - 1));
    return c;
  }
  Index damped_unknowns() const override { return unknowns(); }

 private:
  double softest_;
};

class NoisyHessian : public HessianModel {
 public:
  explicit NoisyHessian(const NoisyQuadratic& problem, double noise = 1e-6)
      : problem_(problem), noise_(noise) {}
  std::string name() const override { return "noisy"; }
  void assemble(const Point& point, const Progress&, DistributedMatrix& h) const override {
    h.set_zero();
    Matrix panel = problem_.curvatures().asDiagonal();
    if (point.curvature() == Precision::mixed) {
      for (Index i = 0; i < panel.rows(); ++i) panel(i, i) += i % 2 == 0 ? noise_ : -noise_;
    }
    if (!h.grid()->comm().is_root()) panel.setZero();
    h.add_reduced_panel(0, 0, panel);
  }

 private:
  const NoisyQuadratic& problem_;
  double noise_;
};

// Nothing of such a Hessian must stay, its mean diagonal that shifts are measured by least of all.
TEST(Newton, RefinesAHessianThatIsNotFinite) {
  for (const double noise : {std::numeric_limits<double>::infinity(), std::nan(""), 1e200}) {
    const NoisyQuadratic problem(1e-3);
    Recorder recorder;
    IterationObserver* observers[] = {&recorder};
    NewtonOptions options;
    options.tolerance = 1e-11;
    const SolveSummary summary =
        minimise_by_newton(problem, NoisyHessian(problem, noise), Vector::Zero(70), options, observers);
    EXPECT_EQ(summary.status, SolveStatus::converged) << noise << ": " << summary.reason;
    EXPECT_EQ(recorder.records.back().curvature, Precision::full);
    EXPECT_LE(summary.iterations, 6);
  }
}

TEST(Newton, RefinesAHessianWhoseRoundingHoldsTheSolveUp) {
  // Curvatures down to 1e-9 drown in the noise; down to 1e-2 they do not, and nothing need be refined.
  for (const double softest : {1e-9, 1e-2}) {
    const NoisyQuadratic problem(softest);
    Recorder recorder;
    IterationObserver* observers[] = {&recorder};
    NewtonOptions options;
    options.tolerance = 1e-11;
    const SolveSummary summary =
        minimise_by_newton(problem, NoisyHessian(problem), Vector::Zero(70), options, observers);
    EXPECT_EQ(summary.status, SolveStatus::converged) << summary.reason;
    EXPECT_LE(summary.gradient_norm, 1e-11 * summary.initial_gradient_norm);
    EXPECT_EQ(recorder.records.front().curvature, Precision::mixed);
    EXPECT_EQ(recorder.records.back().curvature, softest < 1e-6 ? Precision::full : Precision::mixed);
  }
}

// On a quadratic the model is right: actual and predicted decrease agree, whatever is damped.
// ‖M⁻¹1‖ by Gaussian elimination.
double plain_step_norm(const Matrix& m) {
  const auto n = static_cast<std::size_t>(m.rows());
  std::vector<std::vector<double>> rows(n, std::vector<double>(n));
  std::vector<std::vector<double>> solution(n, {1.0});
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) rows[i][j] = m(static_cast<Index>(i), static_cast<Index>(j));
  }
  plain_solve(rows, solution);
  double squares = 0;
  for (const auto& entry : solution) squares += entry[0] * entry[0];
  return std::sqrt(squares);
}

TEST(Newton, PredictsTheDecreaseOfAQuadraticWithPartialDamping) {
  const Quadratic problem;
  Recorder recorder;
  IterationObserver* observers[] = {&recorder};
  NewtonOptions options;
  options.damping.initial_relative_shift = 0.5;
  const SolveSummary summary =
      minimise_by_newton(problem, QuadraticHessian(), Vector::Zero(70), options, observers);
  EXPECT_EQ(summary.status, SolveStatus::converged) << summary.reason;
  EXPECT_NEAR(recorder.records[1].ratio, 1, 1e-9);
  EXPECT_DOUBLE_EQ(recorder.records[1].damping, 1.5);
  // Half of the unknowns are not damped: (A + D) s = b with D = 1.5 on the first 35.
  Matrix shifted = problem.hessian();
  shifted.diagonal().head(35).array() += 1.5;
  EXPECT_NEAR(recorder.records[1].step_norm, plain_step_norm(shifted), 1e-9);
}

// Shifts that Lanczos rules out are not factored: one failure, then only shifts that may work.
TEST(Newton, FactorsNoShiftThatARitzValueRulesOut) {
  class Indefinite : public QuadraticHessian {
   public:
    void assemble(const Point& point, const Progress&, DistributedMatrix& h) const override {
      QuadraticHessian::assemble(point, 0, h);
      h.add_to_diagonal(-200, 35);
    }
  };
  const Quadratic problem;
  Recorder recorder;
  IterationObserver* observers[] = {&recorder};
  NewtonOptions options;
  options.max_iterations = 1;
  minimise_by_newton(problem, Indefinite(), Vector::Zero(70), options, observers);
  ASSERT_EQ(recorder.records.size(), 2U);
  // μ₀ = 1 % of the mean |diagonal| 100, × 4 until it passes 199 less a little: 4 failures without Lanczos.
  EXPECT_DOUBLE_EQ(recorder.records[1].damping, 256);
  EXPECT_EQ(recorder.records[1].factorisations, 2);
}

// A planted problem solved from 5 % beside its planted point.

}  // namespace
}  // namespace attnewton
