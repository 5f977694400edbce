// Newton–CG, L-BFGS and the automatic method on planted attention layers: the end of exact Newton, whatever
// preconditions.
#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "attnewton/curvature/attention_hessian.hpp"
#include "attnewton/curvature/kronecker_hessian.hpp"
#include "attnewton/curvature/sampled_attention_hessian.hpp"
#include "attnewton/curvature/tensor_sketched_hessian.hpp"
#include "attnewton/solver/automatic.hpp"
#include "attnewton/solver/lbfgs.hpp"
#include "attnewton/solver/newton.hpp"
#include "attnewton/solver/newton_cg.hpp"

#include "support/dense_spectrum.hpp"
#include "support/gather.hpp"
#include "support/planted_layer.hpp"
#include "support/recorder.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

constexpr double noise = 0.1;

// A preconditioner by the name that the command line gives it.
std::unique_ptr<DampedHessian> preconditioner(const AttentionProblem& problem, const std::string& name) {
  if (name == "kronecker") return make_kronecker_hessian(problem);
  if (name == "y-block") return make_y_block_hessian(problem);
  if (name == "none") return make_identity_hessian(problem);
  std::shared_ptr<const HessianModel> model;
  if (name == "exact") model = std::make_shared<AttentionHessian>(problem, HessianForm::exact);
  if (name == "gauss-newton") model = std::make_shared<AttentionHessian>(problem, HessianForm::gauss_newton);
  if (name == "sampled")
    model = std::make_shared<SampledAttentionHessian>(problem, AttentionSamplingOptions{.rows = 100});
  if (name == "tensor-srht")
    model = std::make_shared<TensorSketchedHessian>(problem, TensorSketchOptions{.rows = 400});
  if (name == "tensor-sparse")
    model = std::make_shared<TensorSketchedHessian>(
        problem, TensorSketchOptions{.family = TensorSketch::sparse, .rows = 400});
  return make_assembled_hessian(problem, model);
}

struct Fit {
  SolveSummary summary;
  std::vector<IterationRecord> records;

  double loss() const { return summary.point->objective().loss; }
};

Fit fit(const AttentionProblem& problem, StepMethod& method, const Vector& start, double tolerance,
        Index most_iterations) {
  Recorder recorder;
  IterationObserver* observers[] = {&recorder};
  Fit result;
  result.summary = minimise(problem, method, start,
                            {.tolerance = tolerance, .max_iterations = most_iterations}, observers);
  result.records = recorder.records;
  return result;
}

Fit fit_by_newton_cg(const AttentionProblem& problem, const std::string& name, const Vector& start,
                     double tolerance = 1e-9, Index keep = 2) {
  const auto hessian = preconditioner(problem, name);
  NewtonCgOptions options;
  options.tolerance = tolerance;
  options.preconditioner.keep = keep;
  NewtonCg method(*hessian, options);
  return fit(problem, method, start, tolerance, 100);
}

Fit fit_by_newton(const AttentionProblem& problem, const Vector& start, double tolerance = 1e-10) {
  const auto exact = preconditioner(problem, "exact");
  DampedNewton method(*exact, {});
  return fit(problem, method, start, tolerance, 100);
}

Vector near_planted(const AttentionProblem& problem, const PlantedLayer& layer) {
  return problem.theta_of(1.05 * layer.x, 0.95 * layer.y);
}

TEST(NewtonCgAttention, EndsWhereNewtonDoesWhateverPreconditions) {
  const PlantedLayer layer = planted_layer(noise);
  for (const auto variables : {AttentionVariables::projected, AttentionVariables::joint}) {
    const AttentionProblem problem = make_problem(Communicator::world(), layer.whole, variables);
    const Vector start = near_planted(problem, layer);
    const Fit expected = fit_by_newton(problem, start);
    ASSERT_EQ(expected.summary.status, SolveStatus::converged) << expected.summary.reason;
    for (const char* name : {"exact", "gauss-newton", "sampled", "tensor-srht", "tensor-sparse", "kronecker",
                             "y-block", "none"}) {
      SCOPED_TRACE(std::string(name) + (variables == AttentionVariables::joint ? ", joint" : ", projected"));
      const Fit found = fit_by_newton_cg(problem, name, start);
      ASSERT_EQ(found.summary.status, SolveStatus::converged) << found.summary.reason;
      EXPECT_LE(found.summary.gradient_norm, 1e-9 * found.summary.initial_gradient_norm);
      EXPECT_NEAR(found.loss(), expected.loss(), 1e-9 * expected.loss());
    }
  }
}

// With exact H̃ at hand conjugate gradients have next to nothing to do.
TEST(NewtonCgAttention, TakesFewerProductsTheBetterThePreconditioner) {
  const PlantedLayer layer = planted_layer(noise);
  const AttentionProblem problem =
      make_problem(Communicator::world(), layer.whole, AttentionVariables::projected);
  const auto products = [&](const char* name) {
    const Fit found = fit_by_newton_cg(problem, name, near_planted(problem, layer), 1e-9, 1);
    EXPECT_EQ(found.summary.status, SolveStatus::converged) << found.summary.reason;
    Index sum = 0;
    for (const IterationRecord& record : found.records) sum += record.products;
    return sum;
  };
  const Index exact = products("exact");
  const Index gauss_newton = products("gauss-newton");
  const Index none = products("none");
  EXPECT_LT(exact, gauss_newton);
  EXPECT_LT(2 * gauss_newton, none);
}

TEST(NewtonCgAttention, EndsSuperlinearly) {
  const PlantedLayer layer = planted_layer(noise);
  for (const auto variables : {AttentionVariables::projected, AttentionVariables::joint}) {
    const AttentionProblem problem = make_problem(Communicator::world(), layer.whole, variables);
    const Fit found = fit_by_newton_cg(problem, "gauss-newton", near_planted(problem, layer), 1e-11);
    ASSERT_EQ(found.summary.status, SolveStatus::converged) << found.summary.reason;
    ASSERT_GE(found.records.size(), 4U);
    const std::size_t last = found.records.size() - 1;
    const auto gain = [&](std::size_t k) {
      return found.records[k].relative_gradient / found.records[k - 1].relative_gradient;
    };
    EXPECT_LE(gain(last), 1e-2);
    EXPECT_LE(gain(last - 1), 0.1);
  }
}

// At X = 0, Y of another layer the Hessian has eigenvalues of both signs.
TEST(NewtonCgAttention, LeavesWhereTheHessianIsIndefinite) {
  const PlantedLayer layer = planted_layer(noise);
  for (const auto variables : {AttentionVariables::projected, AttentionVariables::joint}) {
    const AttentionProblem problem = make_problem(Communicator::world(), layer.whole, variables);
    const AttentionHessian exact(problem, HessianForm::exact);
    DistributedMatrix h(grid_of_test(), problem.unknowns(), problem.unknowns());
    const auto smallest = [&](const Point& point) {
      exact.assemble(point, 0, h);
      return symmetric_eigenvalues(gather_symmetric(h))[0];
    };
    const Vector start = test_point(problem, 5);
    ASSERT_LT(smallest(*problem.evaluate(start)), 0);
    for (const char* name : {"exact", "kronecker"}) {
      SCOPED_TRACE(name);
      const Fit found = fit_by_newton_cg(problem, name, start, 1e-8);
      ASSERT_EQ(found.summary.status, SolveStatus::converged) << found.summary.reason;
      EXPECT_GT(smallest(*found.summary.point), 0) << "a minimum";
      for (std::size_t k = 1; k < found.records.size(); ++k)
        EXPECT_LE(found.records[k].objective.loss, found.records[k - 1].objective.loss * (1 + 1e-13)) << k;
    }
  }
}

TEST(NewtonCgAttention, TakesTheSamePathOnAnyNumberOfRanksAndTheSameBitsAgain) {
  const PlantedLayer layer = planted_layer(noise);
  const auto run = [&](const Communicator& comm) {
    const AttentionProblem problem = make_problem(comm, layer.whole, AttentionVariables::projected);
    return fit_by_newton_cg(problem, "sampled", near_planted(problem, layer), 1e-8, 3);
  };
  const Fit alone = run(Communicator::self());
  const Fit shared = run(Communicator::world());
  const Fit again = run(Communicator::world());
  EXPECT_EQ(shared.summary.point->theta(), again.summary.point->theta());
  ASSERT_EQ(shared.records.size(), again.records.size());
  const std::size_t common = std::min<std::size_t>({5, alone.records.size(), shared.records.size()});
  for (std::size_t k = 0; k < common; ++k) {
    EXPECT_NEAR(shared.records[k].objective.loss, alone.records[k].objective.loss,
                1e-7 * alone.records[0].objective.loss);
    EXPECT_EQ(shared.records[k].products, again.records[k].products);
  }
}

// At costs that make L-BFGS hand over where it is slow, as it is in X and Y jointly.
TEST(AutomaticAttention, EndsWhereNewtonDoesByLbfgsAndNewtonCg) {
  const PlantedLayer layer = planted_layer(noise);
  for (const auto variables : {AttentionVariables::projected, AttentionVariables::joint}) {
    const AttentionProblem problem = make_problem(Communicator::world(), layer.whole, variables);
    const Vector start = near_planted(problem, layer);
    const Fit expected = fit_by_newton(problem, start);
    const auto metric = make_kronecker_hessian(problem);
    const auto gauss_newton = preconditioner(problem, "gauss-newton");
    const auto exact = preconditioner(problem, "exact");
    LbfgsOptions lbfgs_options;
    lbfgs_options.memory = 1;
    NewtonCgOptions newton_cg_options;
    newton_cg_options.preconditioner.keep = 2;
    // Three trials never find a slope as small as that: Newton–CG takes over at once.
    const bool has_lbfgs_steps = variables == AttentionVariables::projected;
    if (!has_lbfgs_steps) lbfgs_options.line_search = {1e-4, 1e-13, 3};
    Lbfgs lbfgs(lbfgs_options, metric.get());
    NewtonCg newton_cg(*gauss_newton, newton_cg_options);
    DampedNewton newton(*exact, {});
    Automatic method(lbfgs, newton_cg, newton, {.newton_cost = 100, .preconditioner_cost = 1});
    const Fit found = fit(problem, method, start, 1e-8, 500);
    ASSERT_EQ(found.summary.status, SolveStatus::converged) << found.summary.reason;
    EXPECT_NEAR(found.loss(), expected.loss(), 1e-9 * expected.loss());
    EXPECT_EQ(found.records.back().method, has_lbfgs_steps ? "lbfgs" : "newton-cg");
  }
}

TEST(LbfgsAttention, EndsWhereNewtonDoes) {
  const PlantedLayer layer = planted_layer(noise);
  for (const auto variables : {AttentionVariables::projected, AttentionVariables::joint}) {
    const AttentionProblem problem = make_problem(Communicator::world(), layer.whole, variables);
    const Vector start = near_planted(problem, layer);
    const Fit expected = fit_by_newton(problem, start);
    const auto metric = make_kronecker_hessian(problem);
    for (DampedHessian* with : {static_cast<DampedHessian*>(nullptr), metric.get()}) {
      Lbfgs method({}, with);
      const Fit found = fit(problem, method, start, 1e-8, 2000);
      ASSERT_EQ(found.summary.status, SolveStatus::converged) << found.summary.reason;
      EXPECT_LE(found.summary.gradient_norm, 1e-8 * found.summary.initial_gradient_norm);
      EXPECT_NEAR(found.loss(), expected.loss(), 1e-9 * expected.loss());
    }
  }
}

// Columns of the inputs scaled from 1 down to 1/30: X's curvatures spread over 30⁴.
TEST(LbfgsAttention, NeedsFarFewerStepsWithTheKroneckerMetricOnUnevenInputs) {
  PlantedLayer layer = planted_layer(noise);
  const Index width = layer.x.rows();
  for (Index c = 0; c < width; ++c) {
    const double scale = std::pow(30, -static_cast<double>(c) / static_cast<double>(width - 1));
    layer.whole.a1.col(c) *= scale;
    layer.x.row(c) /= scale;
    layer.x.col(c) /= scale;
  }
  layer.whole.a2 = layer.whole.a1;
  layer.whole.ridge = 1e-10;
  const AttentionProblem problem =
      make_problem(Communicator::world(), layer.whole, AttentionVariables::projected);
  const Vector start = near_planted(problem, layer);
  const auto metric = make_kronecker_hessian(problem);
  LbfgsOptions options;
  options.plain_steps = 0;
  Lbfgs with(options, metric.get());
  const Fit fast = fit(problem, with, start, 1e-6, 2000);
  Lbfgs without(options);
  const Fit slow = fit(problem, without, start, 1e-6, 2000);
  ASSERT_EQ(fast.summary.status, SolveStatus::converged) << fast.summary.reason;
  EXPECT_LT(3 * fast.summary.iterations, slow.summary.iterations);
}

}  // namespace
}  // namespace attnewton
