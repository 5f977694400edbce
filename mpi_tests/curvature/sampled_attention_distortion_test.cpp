// How far Hessians of sampled query rows are from the exact one: by rows, and by rule where few rows are
// heavy.
#include <algorithm>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "attnewton/curvature/attention_hessian.hpp"
#include "attnewton/curvature/hessian_distortion.hpp"
#include "attnewton/curvature/sampled_attention_hessian.hpp"
#include "attnewton/problems/attention_generator.hpp"

#include "support/whole_attention.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

// A planted layer at its own X and Y.
class PlantedLayer {
 public:
  PlantedLayer(Index heavy_rows, double times) {
    const AttentionRecipe recipe{
        .rows = 1800, .width = 5, .output_width = 3, .sequence_length = 150, .seed = 3};
    PlantedAttention planted = generate_attention(Communicator::self(), recipe);
    for (Index i = 0; i < heavy_rows; ++i) planted.inputs.row(i * (1800 / heavy_rows) + 7) *= times;
    WholeAttention whole;
    whole.a1 = whole.a2 = planted.inputs;
    whole.b = planted.target;
    whole.query_offsets = whole.key_offsets = planted.offsets;
    whole.ridge = 1e-6;
    problem_ = std::make_unique<AttentionProblem>(
        Communicator::world(), make_data(whole, Communicator::world().size(), Communicator::world().rank()),
        RegulariserOptions{.ridge = 1e-6}, AttentionVariables::projected);
    point_ = problem_->evaluate(problem_->theta_of(planted.x, planted.y));
  }

  // Of the Gauss–Newton matrix, the median of nine fixed draws.
  double distortion(RowSampling rule, Index rows) const {
    const auto grid = std::make_shared<ProcessGrid>(problem_->comm());
    DistributedMatrix exact(grid, problem_->unknowns(), problem_->unknowns(), 4);
    DistributedMatrix sampled(grid, problem_->unknowns(), problem_->unknowns(), 4);
    AttentionHessian(*problem_, HessianForm::gauss_newton).assemble(*point_, 0, exact);
    const SampledAttentionHessian model(
        *problem_,
        {.rule = rule, .rows = rows, .form = HessianForm::gauss_newton, .iteration_growth = 1, .seed = 7});
    std::vector<double> distortions;
    for (Index iteration = 0; iteration < 9; ++iteration) {
      model.assemble(*point_, iteration, sampled);
      distortions.push_back(hessian_distortion(exact, sampled).value());
    }
    std::nth_element(distortions.begin(), distortions.begin() + 4, distortions.end());
    return distortions[4];
  }

 private:
  std::unique_ptr<AttentionProblem> problem_;
  std::unique_ptr<Point> point_;
};

// Four times the rows halve the distortion.
TEST(SampledAttentionHessian, DistortionFallsWithTheRootOfTheRows) {
  const PlantedLayer layer(0, 1);
  for (const RowSampling rule : {RowSampling::uniform, RowSampling::norm, RowSampling::leverage}) {
    const double few = layer.distortion(rule, 200);
    const double many = layer.distortion(rule, 800);
    EXPECT_LT(many, 0.65 * few) << to_string(rule);
    EXPECT_GT(many, 0.2 * few) << to_string(rule);
  }
}

// Six rows of 1800 that are 20 times as long, as queries and as keys of their sequences.
TEST(SampledAttentionHessian, ImportancesFindHeavyRows) {
  const PlantedLayer layer(6, 20);
  const double uniform = layer.distortion(RowSampling::uniform, 300);
  EXPECT_LT(2 * layer.distortion(RowSampling::norm, 300), uniform);
  EXPECT_LT(2 * layer.distortion(RowSampling::leverage, 300), uniform);
}

}  // namespace
}  // namespace attnewton
