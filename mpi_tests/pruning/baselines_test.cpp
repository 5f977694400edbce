#include "attnewton/pruning/baselines.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"
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

TEST(InputGram, IsThatOfAllRanksRows) {
  const auto comm = Communicator::world();
  for (const Index n : {1, 40, 700}) {
    const Matrix x = correlated_inputs(n, 13);
    const Matrix expected = matrix_of(plain::gram(table_of(x)));
    const Matrix gram = gram_over_ranks(x);
    EXPECT_LT((gram - expected).norm(), 1e-13 * expected.norm()) << n;
    EXPECT_LT((input_norms(gram) - Vector(x.colwise().norm())).norm(), 1e-13 * x.norm());
    Vector of_root = gram.reshaped();
    comm.broadcast(of_root);
    EXPECT_EQ(of_root, Vector(gram.reshaped())) << "every rank has the same bits";
  }
}

TEST(InputGram, RefusesRanksOfDifferentWidth) {
  const auto comm = Communicator::world();
  if (comm.size() == 1) GTEST_SKIP() << "takes two ranks";
  EXPECT_THROW(input_gram(comm, Matrix::Zero(2, comm.is_root() ? 3 : 4)), InternalError);
}

TEST(Magnitude, KeepsTheLargest) {
  const Matrix w = random_weights(12, 9);
  const PrunedMatrix pruned = prune_magnitude(w, {}, 0.6);
  EXPECT_EQ(108 - pruned.mask.count(), 65);  // round(64.8)
  double least_kept = 1e300;
  double largest_gone = 0;
  for (Index e = 0; e < w.size(); ++e) {
    const double size = std::abs(w.data()[e]);
    if (pruned.mask.data()[e])
      least_kept = std::min(least_kept, size);
    else
      largest_gone = std::max(largest_gone, size);
    EXPECT_EQ(pruned.weights.data()[e], pruned.mask.data()[e] ? w.data()[e] : 0);
  }
  EXPECT_GT(least_kept, largest_gone);
}

TEST(Wanda, IsThePublishedRule) {
  const Matrix x = correlated_inputs(50, 22);
  const Matrix w = random_weights(22, 9);
  const Vector norms = input_norms(gram_over_ranks(x));
  for (const double ratio : {0.0, 0.1, 0.5, 0.77, 0.95}) {
    const PrunedMatrix pruned = prune_wanda(w, norms, {}, ratio);
    EXPECT_EQ(pruned.weights, matrix_of(plain::wanda(table_of(w), table_of(x), ratio))) << ratio;
    EXPECT_EQ(pruned.weights, masked(w, pruned.mask));
  }
  for (const auto& [n, m] : {std::pair<std::size_t, std::size_t>{2, 4}, {4, 8}, {1, 3}}) {
    const Pattern pattern{PatternKind::n_of_m, static_cast<Index>(n), static_cast<Index>(m)};
    const PrunedMatrix pruned = prune_wanda(w, norms, pattern, removed_share(pattern, std::nullopt));
    EXPECT_EQ(pruned.weights, matrix_of(plain::wanda(table_of(w), table_of(x), 0, n, m))) << m;
  }
}

TEST(Wanda, OfUnitNormsIsMagnitudeWithinOutputs) {
  const Matrix w = random_weights(10, 7);
  const Mask expected = keep_largest(w.cwiseAbs(), {}, 0.5, Comparison::each_output);
  EXPECT_EQ(prune_wanda(w, Vector::Ones(10), {}, 0.5).mask, expected);
  EXPECT_EQ(prune_wanda(w, Vector::Constant(10, 3.5), {}, 0.5).mask, expected) << "in any unit";
  EXPECT_NE(prune_magnitude(w, {}, 0.5).mask, expected);
  const Pattern pattern = parse_pattern("2:4");
  EXPECT_EQ(prune_wanda(w, Vector::Ones(10), pattern, 0.5).mask, prune_magnitude(w, pattern, 0.5).mask);
}

TEST(Wanda, RemovesInputsThatAreAlwaysZeroFirst) {
  Matrix x = correlated_inputs(30, 8);
  x.col(3).setZero();
  x.col(6).setZero();
  const Mask mask = prune_wanda(random_weights(8, 5), input_norms(gram_over_ranks(x)), {}, 0.25).mask;
  EXPECT_EQ(mask.row(3).count() + mask.row(6).count(), 0);
  EXPECT_EQ(mask.count(), 6 * 5);
}

TEST(Wanda, RefusesNormsOfAnotherLength) {
  EXPECT_THROW(prune_wanda(random_weights(8, 5), Vector::Ones(5), {}, 0.5), InternalError);
}

}  // namespace
}  // namespace attnewton
