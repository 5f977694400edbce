#include "attnewton/pruning/sparsegpt.hpp"

#include <cstddef>
#include <vector>

#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"
#include "attnewton/parallel/threads.hpp"
#include "attnewton/pruning/baselines.hpp"
#include "attnewton/pruning/input_gram.hpp"

#include "plain_cases.hpp"
#include "plain_pruning.hpp"
#include "support/shared_rows.hpp"

namespace attnewton {
namespace {

using testing_support::correlated_inputs;
using testing_support::gram_over_ranks;
using testing_support::matrix_of;
using testing_support::random_weights;
using testing_support::table_of;

// Weights and mask as the optimal brain surgeon's steps give them.
void expect_as_published(const Matrix& w, const Matrix& x, const Pattern& pattern, double ratio,
                         Index block) {
  const SparseGptOptions options{.damping = 0.01, .block = block};
  const PrunedMatrix pruned = prune_sparsegpt(w, gram_over_ranks(x), x.rows(), pattern, ratio, options);
  std::vector<char> mask;
  const Matrix expected = matrix_of(
      plain::sparsegpt(table_of(w), table_of(x), ratio, static_cast<std::size_t>(pattern.kept),
                       static_cast<std::size_t>(pattern.group), static_cast<std::size_t>(block), 0.01, mask));
  EXPECT_LE((pruned.weights - expected).norm(), 1e-11 * expected.norm())
      << to_string(pattern) << ' ' << ratio;
  for (Index e = 0; e < w.size(); ++e) {
    EXPECT_EQ(pruned.mask.data()[e], mask[static_cast<std::size_t>(e)] != 0) << e;
    if (!pruned.mask.data()[e]) {
      EXPECT_EQ(pruned.weights.data()[e], 0);
    }
  }
}

TEST(SparseGpt, IsTheOptimalBrainSurgeonsSweep) {
  const Matrix x = correlated_inputs(60, 22);
  const Matrix w = random_weights(22, 6);
  for (const double ratio : {0.0, 0.2, 0.5, 0.8, 0.99}) {
    for (const Index block : {1, 5, 8, 128}) expect_as_published(w, x, {}, ratio, block);
  }
}

TEST(SparseGpt, ChoosesGroupsAsTheSweepReachesThem) {
  const Matrix x = correlated_inputs(60, 24);
  const Matrix w = random_weights(24, 6);
  for (const Index block : {8, 16, 128}) expect_as_published(w, x, parse_pattern("2:4"), 0.5, block);
  expect_as_published(w, x, parse_pattern("4:8"), 0.5, 8);
  expect_as_published(w, x, parse_pattern("3:4"), 0.25, 8);
  expect_as_published(w, x, parse_pattern("5:9"), 4.0 / 9, 16);  // blocks become 9, the last group 6
  expect_as_published(w, x, parse_pattern("5:9"), 4.0 / 9, 4);   // a block is no less than a group
}

TEST(SparseGpt, SmallerErrorThanTheSameMaskUncompensated) {
  const Matrix x = correlated_inputs(200, 40);
  const Matrix w = random_weights(40, 10);
  const PrunedMatrix pruned = prune_sparsegpt(w, gram_over_ranks(x), x.rows(), {}, 0.5);
  const Matrix error = x * (pruned.weights - w);
  const Matrix uncompensated = x * (masked(w, pruned.mask) - w);
  EXPECT_LT(error.norm(), 0.8 * uncompensated.norm());
  const Matrix magnitude = x * (prune_magnitude(w, {}, 0.5).weights - w);
  EXPECT_LT(error.norm(), 0.8 * magnitude.norm());
}

TEST(SparseGpt, OfOrthonormalInputsIsMagnitude) {
  const Index d = 30;
  const Matrix w = random_weights(d, 5);
  const PrunedMatrix pruned = prune_sparsegpt(w, Matrix::Identity(d, d), 17, {}, 0.5);
  // The published threshold takes one more than half of the 150.
  const PrunedMatrix expected = prune_magnitude(w, {}, 76.0 / 150);
  EXPECT_EQ(pruned.mask, expected.mask);
  EXPECT_EQ(pruned.weights, expected.weights) << "nothing to make good";
  const Pattern pattern = parse_pattern("2:4");
  const PrunedMatrix groups = prune_sparsegpt(w, Matrix::Identity(d, d), 17, pattern, 0.5);
  EXPECT_EQ(groups.weights, prune_magnitude(w, pattern, 0.5).weights);
}

TEST(SparseGpt, InputsThatAreAlwaysZeroLoseTheirWeights) {
  Matrix x = correlated_inputs(50, 12);
  x.col(0).setZero();
  x.col(7).setZero();
  const Matrix w = random_weights(12, 4);
  expect_as_published(w, x, {}, 0.5, 128);
  const PrunedMatrix pruned = prune_sparsegpt(w, gram_over_ranks(x), x.rows(), parse_pattern("2:4"), 0.5);
  EXPECT_EQ(pruned.weights.row(0).norm() + pruned.weights.row(7).norm(), 0);
  EXPECT_TRUE((prune_sparsegpt(w, Matrix::Zero(12, 12), 50, {}, 0.5).weights.array() == 0).all());
}

TEST(SparseGpt, FewerRowsThanInputsAreHelpedByTheDamping) {
  const Matrix x = correlated_inputs(6, 20);
  const Matrix w = random_weights(20, 3);
  const PrunedMatrix pruned = prune_sparsegpt(w, gram_over_ranks(x), x.rows(), {}, 0.5);
  EXPECT_TRUE(pruned.weights.allFinite());
  try {
    prune_sparsegpt(w, -gram_over_ranks(x), x.rows(), {}, 0.5);
    ADD_FAILURE();
  } catch (const NumericalError& error) {
    EXPECT_NE(std::string(error.what()).find("raise the damping"), std::string::npos) << error.what();
  }
}

// Several blocks, wide enough that the later inputs' updates are shared out to threads.
TEST(SparseGpt, SameBitsForAnyNumberOfThreadsAndOnEveryRank) {
  const auto comm = Communicator::world();
  const Matrix w = random_weights(300, 70);
  const Matrix gram = gram_over_ranks(correlated_inputs(400, 300));
  const auto run = [&](int threads) {
    const ThreadLimit limit(threads);
    return prune_sparsegpt(w, gram, 400, {}, 0.5).weights;
  };
  const Matrix one = run(1);
  EXPECT_EQ(run(3), one);
  Vector of_root = one.reshaped();
  comm.broadcast(of_root);
  EXPECT_EQ(of_root, Vector(one.reshaped()));
  // ⌊ratio·size⌋ + 1 of the blocks' 128·70, 128·70 and 44·70 weights.
  EXPECT_EQ((one.array() == 0).count(), 4481 + 4481 + 1541);
}

TEST(SparseGpt, NumbersThatOverflowAreAnError) {
  const Matrix x = correlated_inputs(30, 6);
  const Matrix w = 1e200 * random_weights(6, 3);
  EXPECT_THROW(prune_sparsegpt(w, gram_over_ranks(x), 30, {}, 0.5), NumericalError);
  EXPECT_THROW(prune_sparsegpt(w, gram_over_ranks(1e200 * x), 30, {}, 0.5), NumericalError);
}

TEST(SparseGpt, RefusesWhatDoesNotFit) {
  const Matrix w = random_weights(6, 3);
  EXPECT_THROW(prune_sparsegpt(w, Matrix::Identity(5, 5), 30, {}, 0.5), InternalError);
  EXPECT_THROW(prune_sparsegpt(w, Matrix::Identity(6, 6), 0, {}, 0.5), InternalError);
  EXPECT_THROW(prune_sparsegpt(w, Matrix::Identity(6, 6), 30, {}, 1), InternalError);
  EXPECT_THROW(prune_sparsegpt(w, Matrix::Identity(6, 6), 30, parse_pattern("2:4"), 0.3), InternalError);
  EXPECT_EQ(prune_sparsegpt(Matrix(6, 0), Matrix::Identity(6, 6), 30, {}, 0.5).weights.cols(), 0);
}

}  // namespace
}  // namespace attnewton
