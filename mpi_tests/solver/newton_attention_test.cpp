// Newton's method on planted attention layers: recovery, the same path on any ranks, the same bits again.
#include <algorithm>

#include <gtest/gtest.h>

#include "attnewton/curvature/attention_hessian.hpp"
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
