// Hessians of sampled query rows: against a dense sum over the drawn rows, against the exact one on average
// and in distortion, and across rank counts.
#include "attnewton/curvature/sampled_attention_hessian.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"
#include "attnewton/curvature/attention_hessian.hpp"
#include "attnewton/curvature/hessian_distortion.hpp"

#include "support/attention_oracle.hpp"
#include "support/gather.hpp"
#include "support/plain_attention_hessian.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

constexpr RowSampling rules[] = {RowSampling::uniform, RowSampling::norm, RowSampling::leverage};
constexpr HessianForm forms[] = {HessianForm::exact, HessianForm::gauss_newton};
constexpr AttentionVariables both_variables[] = {AttentionVariables::projected, AttentionVariables::joint};

// A block of 4 so that the tiny Hessians of the tests are spread over all ranks.
Matrix assembled(const AttentionProblem& problem, const HessianModel& model, const Point& point,
                 const Progress& progress) {
  DistributedMatrix h(std::make_shared<ProcessGrid>(problem.comm()), problem.unknowns(), problem.unknowns(),
                      4);
  h.add_to_diagonal(99, problem.unknowns());  // assemble must overwrite
  model.assemble(point, progress, h);
  return gather_symmetric(h);
}

// 1/p of the rows that were drawn, 0 of the others, over all ranks.
Vector drawn_weights(const AttentionProblem& problem, const WholeAttention& whole,
                     const SampledAttentionHessian& model, const Point& point, const Progress& progress) {
  const RowSample sample =
      model.draw(static_cast<const AttentionPoint&>(point), model.sampled_rows(progress), progress.iteration);
  const Index first = queries_of_rank(whole, problem.comm().size(), problem.comm().rank()).begin;
  Vector weights = Vector::Zero(whole.a1.rows());
  for (std::size_t i = 0; i < sample.rows.size(); ++i)
    weights[first + sample.rows[i]] = sample.weights[static_cast<Index>(i)];
  problem.comm().sum(weights);
  return weights;
}

// The shapes of the derivative tests, long enough to draw from.
std::vector<WholeShape> sampled_shapes() {
  std::vector<WholeShape> shapes = test_shapes();
  shapes.erase(shapes.begin());
  for (WholeShape& shape : shapes) {
    for (Index& length : shape.query_lengths) length *= 9;
    for (Index& length : shape.key_lengths) length *= 9;
  }
  shapes.push_back(
      {.name = "causal, several chunks of keys and tiles", .query_lengths = {700, 30}, .causal = true});
  shapes.push_back({.name = "several chunks of keys and tiles", .query_lengths = {400}, .scale = 0.7});
  return shapes;
}

TEST(PlainAttentionHessian, IsTheHyperDualOneWithWeightsOfOne) {
  for (const WholeShape& shape : test_shapes()) {
    SCOPED_TRACE(shape.name);
    const WholeAttention whole = make_whole(shape, 70);
    const AttentionProblem problem = make_problem(Communicator::self(), whole, AttentionVariables::joint);
    const Vector theta = test_point(problem, 71);
    const auto point = problem.evaluate(theta);
    const auto& at = static_cast<const AttentionPoint&>(*point);
    const Matrix expected = attention_oracle(whole, AttentionVariables::joint, theta).hessian;
    const Matrix h =
        plain_joint_hessian(whole, at.x, at.y, Vector::Ones(whole.a1.rows()), HessianForm::exact);
    EXPECT_LE((h - expected).norm(), 1e-12 * expected.norm());
  }
}

TEST(SampledAttentionHessian, IsTheSumOverTheDrawnRowsAndItsSchurComplement) {
  std::uint64_t seed = 300;
  for (const WholeShape& shape : sampled_shapes()) {
    SCOPED_TRACE(shape.name);
    const WholeAttention whole = make_whole(shape, seed += 10);
    const Index rows = whole.a1.rows() / 3;
    for (const auto variables : both_variables) {
      const AttentionProblem problem = make_problem(Communicator::world(), whole, variables);
      const auto point = problem.evaluate(0.5 * test_point(problem, seed));
      const auto& at = static_cast<const AttentionPoint&>(*point);
      for (const RowSampling rule : rules) {
        for (const HessianForm form : forms) {
          const SampledAttentionHessian model(problem,
                                              {.rule = rule, .rows = rows, .form = form, .seed = seed});
          const Vector weights = drawn_weights(problem, whole, model, *point, 0);
          const Index drawn = (weights.array() > 0).count();
          EXPECT_GT(drawn, rows / 2);
          EXPECT_LT(drawn, 2 * rows);
          Matrix expected = plain_joint_hessian(whole, at.x, at.y, weights, form);
          if (variables == AttentionVariables::projected)
            expected = plain_schur_complement(expected, problem.unknowns_x());
          const Matrix h = assembled(problem, model, *point, 0);
          EXPECT_LE((h - expected).norm(), 1e-11 * expected.norm()) << to_string(rule) << to_string(form);
        }
      }
    }
  }
}

}  // namespace
}  // namespace attnewton
