// How far Hessians of sampled query rows are from the exact one: by rows, and by rule where few rows are
// heavy; and how near probabilities by leverage are to block leverage scores.
#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include <Eigen/LU>
#include <gtest/gtest.h>

#include "attnewton/curvature/attention_hessian.hpp"
#include "attnewton/curvature/hessian_distortion.hpp"
#include "attnewton/curvature/sampled_attention_hessian.hpp"
#include "attnewton/problems/attention_generator.hpp"

#include "support/plain_attention_hessian.hpp"
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

// tr(H⁻¹H_j) of every row, H_j its term in the joint Gauss–Newton Hessian H, three quarters of it, and a
// quarter of the mean.
Vector exact_importances(const WholeAttention& whole, const AttentionPoint& at) {
  const Index n = whole.a1.rows();
  const auto joint = [&](const Vector& weights) {
    return plain_joint_hessian(whole, at.x, at.y, weights, HessianForm::gauss_newton);
  };
  const Matrix regulariser = joint(Vector::Zero(n));
  const Matrix inverse = joint(Vector::Ones(n)).inverse();
  Vector scores(n);
  for (Index j = 0; j < n; ++j)
    scores[j] = inverse.cwiseProduct(joint(Vector::Unit(n, j)) - regulariser).sum();
  return (0.75 / scores.mean() * scores).array() + 0.25;
}

// Standard deviation of the logarithms of probabilities over exact importances, of the rows of several draws
// that were not certain.
double spread_from_exact(const WholeAttention& whole, RowSampling rule) {
  const Communicator comm = Communicator::world();
  const AttentionProblem problem = make_problem(comm, whole, AttentionVariables::projected);
  const auto point = problem.evaluate(0.5 * test_point(problem, 91));
  const auto& at = static_cast<const AttentionPoint&>(*point);
  const Vector exact = exact_importances(whole, at);
  const Index first = queries_of_rank(whole, comm.size(), comm.rank()).begin;
  const SampledAttentionHessian model(problem, {.rule = rule, .rows = 20, .seed = 5});
  Vector sums = Vector::Zero(3);  // of 1, x and x²
  for (Index iteration = 0; iteration < 6; ++iteration) {
    const RowSample sample = model.draw(at, 20, iteration);
    for (std::size_t i = 0; i < sample.rows.size(); ++i) {
      const double weight = sample.weights[static_cast<Index>(i)];
      const double x = -std::log(weight * exact[first + sample.rows[i]]);
      if (weight > 1) sums += Vector{{1, x, x * x}};
    }
  }
  comm.sum(sums);
  EXPECT_GT(sums[0], 60);
  return std::sqrt(sums[2] / sums[0] - std::pow(sums[1] / sums[0], 2));
}

// Fixed seeds. By leverage the spread is 0.15 to 0.23, uniformly 0.39 to 0.67; equal ratios would be 0.
void expect_near_exact(const WholeAttention& whole) {
  const double spread = spread_from_exact(whole, RowSampling::leverage);
  EXPECT_LT(spread, 0.3);
  EXPECT_LT(2 * spread, spread_from_exact(whole, RowSampling::uniform));
}

TEST(SampledAttentionHessian, LeverageIsThatOfTheJointJacobian) {
  const WholeShape shapes[] = {
      {.name = "one sequence", .query_lengths = {160}, .d1 = 5, .d2 = 5, .d3 = 5, .e = 3, .ridge = 1e-6},
      {.name = "cross-attention, scaled",
       .query_lengths = {90, 70},
       .key_lengths = {40, 60},
       .d1 = 4,
       .d2 = 5,
       .d3 = 3,
       .e = 3,
       .self_attention = false,
       .separate_values = true,
       .scale = 0.6,
       .ridge = 1e-6}};
  for (const WholeShape& shape : shapes) {
    SCOPED_TRACE(shape.name);
    WholeAttention whole = make_whole(shape, 90);
    // Queries, and with them self-attention's keys, of unlike sizes.
    for (Index j = 0; j < whole.a1.rows(); j += 8) whole.a1.row(j) *= 3;
    if (shape.self_attention) whole.a2 = whole.a1;
    expect_near_exact(whole);
  }
}

// Inputs that leave directions of X and Y undetermined: a column of ones and the sum of two others.
TEST(SampledAttentionHessian, LeverageBearsSingularInputs) {
  WholeAttention whole = make_whole(
      {.query_lengths = {160}, .d1 = 5, .d2 = 5, .d3 = 5, .e = 3, .causal = true, .ridge = 1e-6}, 92);
  whole.a1.col(3).setOnes();
  whole.a1.col(4) = whole.a1.col(0) + whole.a1.col(1);
  whole.a2 = whole.a1;
  expect_near_exact(whole);
}

}  // namespace
}  // namespace attnewton
