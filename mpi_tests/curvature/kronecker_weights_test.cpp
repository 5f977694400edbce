// Rank-one weights of the attention Hessian against all pairs of queries and keys, written out.
#include "attnewton/curvature/kronecker_weights.hpp"

#include <gtest/gtest.h>

#include "support/attention_oracle.hpp"
#include "support/dense_spectrum.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

// D_jk = f_jk v_j of all pairs, n × m, from the definitions.
Matrix dense_weights(const WholeAttention& whole, const Matrix& x, const Matrix& y) {
  const Matrix logits = whole.scale * whole.a1 * x * whole.a2.transpose();
  const Matrix outputs = whole.values() * y;
  Matrix weights = Matrix::Zero(whole.a1.rows(), whole.a2.rows());
  for (std::size_t s = 0; s + 1 < whole.query_offsets.size(); ++s) {
    const Index first = whole.key_offsets[s];
    for (Index j = whole.query_offsets[s]; j < whole.query_offsets[s + 1]; ++j) {
      const Index count = whole.causal ? j - whole.query_offsets[s] + 1 : whole.key_offsets[s + 1] - first;
      const Eigen::RowVectorXd row = logits.row(j).segment(first, count);
      Eigen::RowVectorXd f = (row.array() - row.maxCoeff()).exp();
      f /= f.sum();
      const Matrix h = outputs.middleRows(first, count);
      const Matrix off = h.rowwise() - f * h;
      weights.row(j).segment(first, count) = f * f.dot(off.rowwise().squaredNorm());
    }
  }
  return weights;
}

// e₁ and e₂ of all rows, by D's row and column sums.
KroneckerWeights dense_factors(const WholeAttention& whole, const Matrix& weights) {
  KroneckerWeights factors{weights.rowwise().sum(), weights.colwise().sum().transpose()};
  for (std::size_t s = 0; s + 1 < whole.key_offsets.size(); ++s) {
    auto keys = factors.keys.segment(whole.key_offsets[s], whole.key_offsets[s + 1] - whole.key_offsets[s]);
    if (keys.sum() > 0) keys /= keys.sum();
  }
  return factors;
}

Range keys_of_rank(const WholeAttention& whole, const Communicator& comm) {
  const auto sequences = sequences_from_offsets(whole.query_offsets, whole.key_offsets);
  const auto partition = partition_queries(sequences, whole.causal, whole.a2.cols(), comm.size());
  return share_of_rank(sequences, partition, comm.rank()).keys;
}

void expect_the_rows_of(const WholeAttention& whole, AttentionVariables variables, double size) {
  SCOPED_TRACE(whole.name);
  const auto comm = Communicator::world();
  const AttentionProblem problem = make_problem(comm, whole, variables);
  const auto base = problem.evaluate(size * test_point(problem, 7));
  const auto& point = static_cast<const AttentionPoint&>(*base);
  const KroneckerWeights weights = kronecker_weights(problem, point);
  const KroneckerWeights all = dense_factors(whole, dense_weights(whole, point.x, point.y));
  const Range queries = queries_of_rank(whole, comm.size(), comm.rank());
  const Range keys = keys_of_rank(whole, comm);
  ASSERT_EQ(weights.queries.size(), queries.size());
  ASSERT_EQ(weights.keys.size(), keys.size());
  if (queries.empty()) return;
  EXPECT_LE((weights.queries - all.queries.segment(queries.begin, queries.size())).cwiseAbs().maxCoeff(),
            1e-13 * all.queries.maxCoeff() + 1e-28);
  EXPECT_GE(weights.queries.minCoeff(), 0);
  EXPECT_GE(weights.keys.minCoeff(), 0);
  // A sequence of one visible key a row has v = 0, up to rounding; what its keys weigh is of no consequence.
  if (all.queries.maxCoeff() < 1e-20) return;
  EXPECT_LE((weights.keys - all.keys.segment(keys.begin, keys.size())).cwiseAbs().maxCoeff(), 1e-12);
}

TEST(KroneckerWeights, AreTheRowAndColumnSumsOfAllPairs) {
  std::uint64_t seed = 40;
  for (const WholeShape& shape : test_shapes()) {
    const WholeAttention whole = make_whole(shape, seed += 10);
    for (const auto variables : {AttentionVariables::projected, AttentionVariables::joint})
      expect_the_rows_of(whole, variables, 1);
  }
}

// Sequences split over ranks, several tiles and chunks of keys a sequence.
TEST(KroneckerWeights, OfLongSequences) {
  const std::vector<WholeShape> shapes = {
      {.name = "one", .query_lengths = {301}, .d1 = 4, .d2 = 4, .d3 = 4, .e = 3},
      {.name = "causal", .query_lengths = {30, 401, 40}, .d1 = 3, .d2 = 3, .e = 3, .causal = true},
      {.name = "cross",
       .query_lengths = {90, 130},
       .key_lengths = {310, 140},
       .d1 = 3,
       .d2 = 4,
       .d3 = 4,
       .self_attention = false},
  };
  for (const WholeShape& shape : shapes)
    expect_the_rows_of(make_whole(shape, 11), AttentionVariables::joint, 0.7);
}

// More scores a tile than are kept: 64 · 16500 > 2²⁰.
TEST(KroneckerWeights, OfTilesWhoseExponentialsAreComputedTwice) {
  const WholeAttention whole = make_whole({.name = "many keys",
                                           .query_lengths = {70},
                                           .key_lengths = {16500},
                                           .d1 = 2,
                                           .d2 = 2,
                                           .d3 = 2,
                                           .e = 1,
                                           .self_attention = false},
                                          5);
  expect_the_rows_of(whole, AttentionVariables::joint, 1);
}

// What makes D a weight to choose: scale² Σ D_jk (a_j a_jᵀ) ⊗ (a_k a_kᵀ) − (Gauss–Newton part of H_xx) ⪰ 0.
TEST(KroneckerWeights, MajoriseTheGaussNewtonPart) {
  std::uint64_t seed = 70;
  for (WholeShape shape : test_shapes()) {
    SCOPED_TRACE(shape.name);
    shape.ridge = 0;
    shape.weighted = false;
    const WholeAttention whole = make_whole(shape, seed += 10);
    const AttentionProblem problem =
        make_problem(Communicator::self(), make_whole(shape, seed), AttentionVariables::joint);
    const Vector theta = test_point(problem, seed);
    const Index width = problem.unknowns_x();
    const Matrix x = ConstMatrixView(theta.data(), shape.d1, shape.d2);
    const Matrix y = ConstMatrixView(theta.data() + width, whole.values().cols(), shape.e);
    const Matrix weights = dense_weights(whole, x, y);
    Matrix majorant =
        -gauss_newton_oracle(whole, AttentionVariables::joint, theta).topLeftCorner(width, width);
    for (Index j = 0; j < weights.rows(); ++j) {
      for (Index k = 0; k < weights.cols(); ++k) {
        const Matrix pair = whole.scale * whole.a1.row(j).transpose() * whole.a2.row(k);
        const Vector direction = ConstMatrixView(pair.data(), width, 1);
        majorant += weights(j, k) * direction * direction.transpose();
      }
    }
    EXPECT_GE(symmetric_eigenvalues(majorant).minCoeff(), -1e-12 * majorant.cwiseAbs().maxCoeff());
  }
}

}  // namespace
}  // namespace attnewton
