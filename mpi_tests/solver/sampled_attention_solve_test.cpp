// Newton's method on Hessians of sampled query rows: from near a planted layer the sample grows into the
// exact Hessian, and the end is that of Newton's method.
#include <gtest/gtest.h>

#include "attnewton/curvature/sampled_attention_hessian.hpp"
#include "attnewton/problems/attention_generator.hpp"
#include "attnewton/solver/newton.hpp"

#include "support/recorder.hpp"
#include "support/whole_attention.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

struct PlantedFit {
  SolveSummary summary;
  std::vector<IterationRecord> records;
  double x_distance = 0;
};

// 81 unknowns in X, three residuals a row.
PlantedFit fit_planted(const Communicator& comm, const AttentionSamplingOptions& options) {
  const AttentionRecipe recipe{
      .rows = 603, .width = 9, .output_width = 3, .sequence_length = 29, .causal = true, .seed = 8};
  const PlantedAttention planted = generate_attention(Communicator::self(), recipe);
  WholeAttention whole;
  whole.a1 = whole.a2 = planted.inputs;
  whole.b = planted.target;
  whole.query_offsets = whole.key_offsets = planted.offsets;
  whole.causal = true;
  whole.ridge = 1e-10;
  const AttentionProblem problem = make_problem(comm, whole, AttentionVariables::projected);
  Recorder recorder;
  IterationObserver* observers[] = {&recorder};
  const SampledAttentionHessian hessian(problem, options);
  PlantedFit fit;
  fit.summary = minimise_by_newton(problem, hessian, problem.theta_of(1.05 * planted.x, 0.95 * planted.y), {},
                                   observers);
  fit.records = recorder.records;
  fit.x_distance =
      (static_cast<const AttentionPoint&>(*fit.summary.point).x - planted.x).norm() / planted.x.norm();
  return fit;
}

TEST(SampledAttentionSolve, ConvergesAsTheSampleGrows) {
  for (const RowSampling rule : {RowSampling::uniform, RowSampling::norm, RowSampling::leverage}) {
    SCOPED_TRACE(to_string(rule));
    const AttentionSamplingOptions growing{.rule = rule, .rows = 120, .seed = 2};
    const PlantedFit fit = fit_planted(Communicator::world(), growing);
    EXPECT_EQ(fit.summary.status, SolveStatus::converged) << fit.summary.reason;
    EXPECT_LE(fit.x_distance, 1e-5);
    EXPECT_LE(fit.summary.point->objective().relative_residual, 1e-6);
    AttentionSamplingOptions fixed = growing;
    fixed.gradient_exponent = 0;
    fixed.iteration_growth = 1;
    const PlantedFit slow = fit_planted(Communicator::world(), fixed);
    EXPECT_LT(fit.summary.iterations, slow.summary.iterations);
  }
}

TEST(SampledAttentionSolve, TakesTheSamePathOnAnyNumberOfRanks) {
  const AttentionSamplingOptions options{.rows = 120, .seed = 2};
  const PlantedFit alone = fit_planted(Communicator::self(), options);
  const PlantedFit shared = fit_planted(Communicator::world(), options);
  ASSERT_GE(shared.records.size(), 5U);
  ASSERT_GE(alone.records.size(), 5U);
  for (std::size_t k = 0; k < 5; ++k) {
    EXPECT_NEAR(shared.records[k].objective.loss, alone.records[k].objective.loss,
                1e-7 * alone.records[0].objective.loss)
        << k;
  }
}

}  // namespace
}  // namespace attnewton
