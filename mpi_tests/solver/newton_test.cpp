#include "attnewton/solver/newton.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"
#include "attnewton/curvature/attention_hessian.hpp"
#include "attnewton/problems/attention_generator.hpp"

#include "support/hyper_dual.hpp"
#include "support/recorder.hpp"
#include "support/whole_attention.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

// f(θ) = Σ (1 − θ_i)² + 100 (θ_{i+1} − θ_i²)² (Rosenbrock), every rank knowing all of it.
class Rosenbrock : public Problem {
 public:
  explicit Rosenbrock(Index unknowns) : unknowns_(unknowns) {}
  const Communicator& comm() const override { return comm_; }
  Index unknowns() const override { return unknowns_; }

  std::unique_ptr<Point> evaluate(const Vector& t) const override {
    Objective objective;
    for (Index i = 0; i + 1 < unknowns_; ++i) {
      objective.loss += std::pow(1 - t[i], 2) + 100 * std::pow(t[i + 1] - t[i] * t[i], 2);
    }
    if (t.cwiseAbs().maxCoeff() > domain) objective.loss = INFINITY;
    return std::make_unique<Point>(t, objective, "outside the domain");
  }

  Vector gradient(const Point& point) const override {
    const Vector& t = point.theta();
    Vector g = Vector::Zero(unknowns_);
    for (Index i = 0; i + 1 < unknowns_; ++i) {
      g[i] += -2 * (1 - t[i]) - 400 * t[i] * (t[i + 1] - t[i] * t[i]);
      g[i + 1] += 200 * (t[i + 1] - t[i] * t[i]);
    }
    return g;
  }

  Vector hessian_vector(const Point& point, const Vector& v) const override {
    return hessian(point.theta()) * v;
  }

  Matrix hessian(const Vector& t) const {
    Matrix h = Matrix::Zero(unknowns_, unknowns_);
    for (Index i = 0; i + 1 < unknowns_; ++i) {
      h(i, i) += 2 - 400 * (t[i + 1] - 3 * t[i] * t[i]);
      h(i + 1, i) = h(i, i + 1) = -400 * t[i];
      h(i + 1, i + 1) += 200;
    }
    return h;
  }

  double domain = INFINITY;

 private:
  Communicator comm_ = Communicator::world();
  Index unknowns_;
};

class RosenbrockHessian : public HessianModel {
 public:
  explicit RosenbrockHessian(const Rosenbrock& problem) : problem_(problem) {}
  std::string name() const override { return "exact"; }
  void assemble(const Point& point, Index, DistributedMatrix& h) const override {
    h.set_zero();
    Matrix panel = problem_.hessian(point.theta());
    if (!h.grid()->comm().is_root()) panel.setZero();
    h.add_reduced_panel(0, 0, panel);
  }

 private:
  const Rosenbrock& problem_;
};

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
  void assemble(const Point&, Index, DistributedMatrix& h) const override {
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

TEST(Damping, FollowsTheRulesOfTheReference) {
  Damping damping({}, 100);
  EXPECT_DOUBLE_EQ(damping.shift(), 1);
  damping.raise_for_indefinite();
  EXPECT_DOUBLE_EQ(damping.shift(), 4);
  damping.raise_for_rejection();
  EXPECT_DOUBLE_EQ(damping.shift(), 12);
  damping.adapt_after(0.95, 0.5);
  EXPECT_DOUBLE_EQ(damping.shift(), 1.2);
  damping.adapt_after(0.6, 0.01);
  EXPECT_DOUBLE_EQ(damping.shift(), 0.36);
  damping.adapt_after(0.3, 0.01);
  EXPECT_DOUBLE_EQ(damping.shift(), 0.36);
  damping.adapt_after(0.1, 0.01);
  EXPECT_DOUBLE_EQ(damping.shift(), 0.72);
  damping.adapt_after(0.99, 0.01);
  EXPECT_DOUBLE_EQ(damping.shift(), 0.0072) << "follows a gradient that falls faster";
  EXPECT_FALSE(damping.accepts(0));
  EXPECT_TRUE(damping.accepts(0.01));
  for (int k = 0; k < 30; ++k) damping.adapt_after(1, 0.1);
  EXPECT_EQ(damping.shift(), 0) << "falls to nothing";
  damping.raise_for_indefinite();
  EXPECT_GT(damping.shift(), 0) << "and can rise again";
}

struct PlantedFit {
  SolveSummary summary;
  std::vector<IterationRecord> records;
  double x_distance = 0;
};

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
  void assemble(const Point&, Index, DistributedMatrix& h) const override {
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
  void assemble(const Point& point, Index, DistributedMatrix& h) const override {
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
    void assemble(const Point& point, Index, DistributedMatrix& h) const override {
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
// Width 9, so that the Hessian of order 81 is spread over the ranks.
PlantedFit fit_planted(const Communicator& comm, AttentionVariables variables, HessianForm form,
                       double noise = 0) {
  const AttentionRecipe recipe{.rows = 603,
                               .width = 9,
                               .output_width = 3,
                               .sequence_length = 29,
                               .noise = noise,
                               .causal = true,
                               .seed = 8};
  const PlantedAttention planted = generate_attention(Communicator::self(), recipe);
  WholeAttention whole;
  whole.a1 = whole.a2 = planted.inputs;
  whole.b = planted.target;
  whole.query_offsets = whole.key_offsets = planted.offsets;
  whole.causal = true;
  whole.ridge = 1e-10;
  const AttentionProblem problem = make_problem(comm, whole, variables);
  Recorder recorder;
  IterationObserver* observers[] = {&recorder};
  const Vector start = problem.theta_of(1.05 * planted.x, 0.95 * planted.y);
  PlantedFit fit;
  fit.summary = minimise_by_newton(problem, AttentionHessian(problem, form), start, {}, observers);
  fit.records = recorder.records;
  fit.x_distance =
      (static_cast<const AttentionPoint&>(*fit.summary.point).x - planted.x).norm() / planted.x.norm();
  return fit;
}

TEST(Newton, RecoversPlantedAttentionFromNearby) {
  for (const auto variables : {AttentionVariables::projected, AttentionVariables::joint}) {
    for (const auto form : {HessianForm::exact, HessianForm::gauss_newton}) {
      const PlantedFit fit = fit_planted(Communicator::world(), variables, form);
      EXPECT_EQ(fit.summary.status, SolveStatus::converged) << fit.summary.reason;
      EXPECT_LE(fit.x_distance, 1e-5);
      EXPECT_LE(fit.summary.point->objective().relative_residual, 1e-6);
    }
  }
}

TEST(Newton, TakesTheSamePathOnAnyNumberOfRanks) {
  const PlantedFit alone =
      fit_planted(Communicator::self(), AttentionVariables::projected, HessianForm::exact, 0.1);
  const PlantedFit shared =
      fit_planted(Communicator::world(), AttentionVariables::projected, HessianForm::exact, 0.1);
  ASSERT_EQ(shared.records.size(), alone.records.size());
  for (std::size_t k = 0; k < std::min<std::size_t>(6, alone.records.size()); ++k) {
    const double expected = alone.records[k].objective.loss;
    EXPECT_NEAR(shared.records[k].objective.loss, expected, 1e-10 * expected) << k;
    EXPECT_NEAR(shared.records[k].gradient_norm, alone.records[k].gradient_norm,
                1e-8 * alone.records[0].gradient_norm);
  }
}

TEST(Newton, GivesTheSameBitsAgain) {
  const PlantedFit once =
      fit_planted(Communicator::world(), AttentionVariables::projected, HessianForm::exact, 0.1);
  const PlantedFit again =
      fit_planted(Communicator::world(), AttentionVariables::projected, HessianForm::exact, 0.1);
  EXPECT_EQ(once.summary.point->theta(), again.summary.point->theta());
}

}  // namespace
}  // namespace attnewton
