// The Kronecker Hessian against the matrix that its definition gives, assembled whole.
#include "attnewton/curvature/kronecker_hessian.hpp"

#include <cmath>

#include <Eigen/LU>
#include <Eigen/SVD>
#include <gtest/gtest.h>

#include "attnewton/linalg/kronecker_product.hpp"
#include "attnewton/random/stream.hpp"

#include "support/attention_oracle.hpp"
#include "support/attention_pairs.hpp"
#include "support/dense_kronecker.hpp"
#include "support/dense_spectrum.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

// A₂ᵀ(diag(f) − f fᵀ)A₂.
Matrix key_covariance(const WholeAttention& whole, const Vector& f) {
  const Vector mean = whole.a2.transpose() * f;
  return whole.a2.transpose() * f.asDiagonal() * whole.a2 - mean * mean.transpose();
}

// Σ_j v_j (a_j a_jᵀ) and Σ_j v_j A₂ᵀ(diag(f_j) − f_j f_jᵀ)A₂ / Σ v of a sequence, and the weighted
// regulariser's pair, as the two factors of each term.
std::vector<KroneckerProduct> pair_terms(const WholeAttention& whole, const Matrix& x, const Matrix& y) {
  const Matrix f = pair_attention(whole, x);
  const Vector v = output_spread(whole, f, y);
  std::vector<KroneckerProduct> terms;
  for (std::size_t s = 0; s + 1 < whole.query_offsets.size(); ++s) {
    KroneckerProduct term{Matrix::Zero(whole.a1.cols(), whole.a1.cols()),
                          Matrix::Zero(whole.a2.cols(), whole.a2.cols())};
    double total = 0;
    for (Index j = whole.query_offsets[s]; j < whole.query_offsets[s + 1]; ++j) {
      term.left += v[j] * whole.scale * whole.scale * whole.a1.row(j).transpose() * whole.a1.row(j);
      term.right += v[j] * key_covariance(whole, f.row(j).transpose());
      total += v[j];
    }
    if (total > 0) terms.push_back({term.left, term.right / total});
    if (whole.query_weights.size() == 0) continue;
    const Index first = whole.query_offsets[s], last = whole.query_offsets[s + 1];
    const Matrix queries = whole.query_weights.segment(first, last - first).asDiagonal() *
                           whole.a1.middleRows(first, last - first);
    const Matrix keys =
        whole.a2.middleRows(whole.key_offsets[s], whole.key_offsets[s + 1] - whole.key_offsets[s]);
    terms.push_back({queries.transpose() * queries, keys.transpose() * keys});
  }
  return terms;
}

// The nearest Kronecker product to the sum of the terms, by all singular values.
Matrix dense_nearest(const std::vector<KroneckerProduct>& terms, Index d1, Index d2) {
  Eigen::MatrixXd rearranged = Eigen::MatrixXd::Zero(d1 * d1, d2 * d2);
  for (const KroneckerProduct& term : terms)
    rearranged += Eigen::Map<const Vector>(term.left.data(), d1 * d1) *
                  Eigen::Map<const Vector>(term.right.data(), d2 * d2).transpose();
  const Eigen::JacobiSVD<Eigen::MatrixXd> svd(rearranged, Eigen::ComputeThinU | Eigen::ComputeThinV);
  const Vector u = svd.matrixU().col(0);
  const Vector w = svd.singularValues()[0] * svd.matrixV().col(0);
  return kronecker(ConstMatrixView(u.data(), d1, d1), ConstMatrixView(w.data(), d2, d2));
}

// H̃ of `of_x` in X and, for joint variables, K_y ⊗ I_e in Y.
Matrix dense_hessian(const AttentionProblem& problem, const WholeAttention& whole,
                     const AttentionPoint& point, const Matrix& of_x) {
  Matrix h = Matrix::Zero(problem.unknowns(), problem.unknowns());
  const Index size = problem.unknowns_x();
  h.topLeftCorner(size, size) = of_x + whole.ridge * Matrix::Identity(size, size);
  if (problem.variables() == AttentionVariables::projected) return h;
  const Matrix mixed = pair_attention(whole, point.x) * whole.values();
  Matrix gram = mixed.transpose() * mixed + whole.ridge * Matrix::Identity(mixed.cols(), mixed.cols());
  if (whole.key_weights.size() > 0) {
    const Matrix weighted = whole.key_weights.asDiagonal() * whole.values();
    gram += weighted.transpose() * weighted;
  }
  h.bottomRightCorner(h.rows() - size, h.rows() - size) =
      kronecker(gram, Matrix::Identity(whole.b.cols(), whole.b.cols()));
  return h;
}

Vector normal_vector(Index size, std::uint64_t seed) {
  return RandomStream(seed, RandomPurpose::start).normal_rows({0, size}, 1).col(0);
}

// solve() undoes the dense matrix and D, for several shifts; the mean diagonal is its.
void expect_dense(DampedHessian& hessian, const AttentionProblem& problem, const Matrix& dense) {
  EXPECT_NEAR(hessian.mean_abs_diagonal(), dense.diagonal().mean(), 1e-7 * dense.diagonal().mean());
  for (const double relative : {1e-2, 1.0}) {
    const double shift = relative * hessian.mean_abs_diagonal();
    ASSERT_TRUE(hessian.factor(shift));
    Matrix damped = dense;
    damped.diagonal().head(problem.damped_unknowns()).array() += shift;
    const Vector rhs = normal_vector(problem.unknowns(), 9);
    const Vector expected = Eigen::PartialPivLU<Eigen::MatrixXd>(damped).solve(rhs);
    EXPECT_LE((hessian.solve(rhs) - expected).norm(), 1e-6 * expected.norm());
  }
}

class KroneckerHessianVariables : public testing::TestWithParam<AttentionVariables> {};

TEST_P(KroneckerHessianVariables, SolvesAsTheNearestProductDoes) {
  std::uint64_t seed = 300;
  for (const WholeShape& shape : test_shapes()) {
    SCOPED_TRACE(shape.name);
    const WholeAttention whole = make_whole(shape, seed += 10);
    const AttentionProblem problem = make_problem(Communicator::world(), whole, GetParam());
    const auto base = problem.evaluate(test_point(problem, seed));
    const auto& point = static_cast<const AttentionPoint&>(*base);
    const auto hessian = make_kronecker_hessian(problem);
    hessian->update(point, 0);
    const Matrix of_x = dense_nearest(pair_terms(whole, point.x, point.y), shape.d1, shape.d2);
    expect_dense(*hessian, problem, dense_hessian(problem, whole, point, of_x));
  }
}

// Sequences split over ranks, a rank's share inside one sequence.
TEST_P(KroneckerHessianVariables, OfSplitSequences) {
  for (const auto& lengths : std::vector<std::vector<Index>>{{190}, {20, 150, 9}, {70, 80}}) {
    const WholeAttention whole =
        make_whole({.query_lengths = lengths, .d3 = 2, .separate_values = true, .causal = true}, 17);
    const AttentionProblem problem = make_problem(Communicator::world(), whole, GetParam());
    const auto base = problem.evaluate(0.5 * test_point(problem, 3));
    const auto& point = static_cast<const AttentionPoint&>(*base);
    const auto hessian = make_kronecker_hessian(problem);
    hessian->update(point, 0);
    const Matrix of_x = dense_nearest(pair_terms(whole, point.x, point.y), 3, 3);
    expect_dense(*hessian, problem, dense_hessian(problem, whole, point, of_x));
  }
}

TEST_P(KroneckerHessianVariables, YBlockIsAMultipleOfTheIdentityInX) {
  std::uint64_t seed = 800;
  for (const WholeShape& shape : test_shapes()) {
    SCOPED_TRACE(shape.name);
    const WholeAttention whole = make_whole(shape, seed += 10);
    const AttentionProblem problem = make_problem(Communicator::world(), whole, GetParam());
    const auto base = problem.evaluate(test_point(problem, seed));
    const auto& point = static_cast<const AttentionPoint&>(*base);
    double trace = 0;
    for (const KroneckerProduct& term : pair_terms(whole, point.x, point.y))
      trace += term.left.trace() * term.right.trace();
    const Index size = problem.unknowns_x();
    const auto hessian = make_y_block_hessian(problem);
    EXPECT_EQ(hessian->name(), "y-block");
    hessian->update(point, 0);
    const Matrix of_x = trace / static_cast<double>(size) * Matrix::Identity(size, size);
    expect_dense(*hessian, problem, dense_hessian(problem, whole, point, of_x));
  }
}

INSTANTIATE_TEST_SUITE_P(Variables, KroneckerHessianVariables,
                         testing::Values(AttentionVariables::projected, AttentionVariables::joint));

// At X = 0 without a mask all rows attend alike: the weights are of rank one, and one sequence's Kronecker
// product is the whole majorant Σ_j (a_j a_jᵀ) ⊗ v_j A₂ᵀ J_j A₂.
TEST(KroneckerHessian, OfWeightsOfRankOneIsTheWholeMajorant) {
  const WholeAttention whole = make_whole({.query_lengths = {40}, .scale = 0.7, .ridge = 1e-3}, 6);
  const AttentionProblem problem = make_problem(Communicator::world(), whole, AttentionVariables::projected);
  const auto base = problem.evaluate(Vector::Zero(9));
  const auto& point = static_cast<const AttentionPoint&>(*base);
  const Matrix f = pair_attention(whole, point.x);
  const Vector v = output_spread(whole, f, point.y);
  Matrix majorant = Matrix::Zero(9, 9);
  for (Index j = 0; j < 40; ++j) {
    majorant +=
        0.49 * v[j] *
        kronecker(whole.a1.row(j).transpose() * whole.a1.row(j), key_covariance(whole, f.row(j).transpose()));
  }
  const auto hessian = make_kronecker_hessian(problem);
  hessian->update(point, 0);
  expect_dense(*hessian, problem, dense_hessian(problem, whole, point, majorant));
}

// No spread at all: one visible key a row. H̃ is the ridge; without one no shift is too small but 0.
TEST(KroneckerHessian, OfNoSpreadIsTheRidge) {
  const WholeAttention whole = make_whole({.query_lengths = {1, 1, 1, 1}, .causal = true, .ridge = 0.5}, 6);
  const AttentionProblem problem = make_problem(Communicator::world(), whole, AttentionVariables::projected);
  const auto point = problem.evaluate(test_point(problem, 1));
  const auto hessian = make_kronecker_hessian(problem);
  hessian->update(*point, 0);
  ASSERT_TRUE(hessian->factor(0));
  const Vector rhs = normal_vector(9, 2);
  EXPECT_LE((hessian->solve(rhs) - 2 * rhs).norm(), 1e-12 * rhs.norm());
  EXPECT_FALSE(hessian->factor(-0.5));
  EXPECT_EQ(hessian->factorisations(), 2);
}

// Inputs whose columns' sizes range over 1000: the condition number of the damped Gauss–Newton matrix of the
// reduced problem falls by more than a factor 20 (measured: see docs/mathematics.md §11 for real heads).
TEST(KroneckerHessian, ConditionsAnIllConditionedProblem) {
  WholeAttention whole = make_whole({.query_lengths = {60, 60}, .d1 = 4, .d2 = 4, .d3 = 4, .ridge = 1e-6}, 8);
  for (Index c = 0; c < 4; ++c) whole.a1.col(c) *= std::pow(10.0, -static_cast<double>(c));
  whole.a2 = whole.a1;
  const AttentionProblem problem = make_problem(Communicator::world(), whole, AttentionVariables::projected);
  const auto point = problem.evaluate(test_point(problem, 4));
  Matrix gauss_newton = gauss_newton_oracle(whole, AttentionVariables::projected, point->theta());
  const auto hessian = make_kronecker_hessian(problem);
  hessian->update(*point, 0);
  const double shift = 1e-9 * hessian->mean_abs_diagonal();
  ASSERT_TRUE(hessian->factor(shift));
  gauss_newton.diagonal().array() += shift;
  Matrix inverse(16, 16);
  for (Index c = 0; c < 16; ++c) inverse.col(c) = hessian->solve(Vector::Unit(16, c));
  const Matrix root = cholesky_factor(0.5 * (inverse + inverse.transpose()));
  const auto condition = [](const Matrix& matrix) {
    const Vector values = symmetric_eigenvalues(matrix);
    return values.maxCoeff() / values.minCoeff();
  };
  const double before = condition(gauss_newton);
  const double after = condition(root.transpose() * gauss_newton * root);
  EXPECT_GT(before, 1e3);
  EXPECT_LT(after, before / 20);
  RecordProperty("before", std::to_string(before));
  RecordProperty("after", std::to_string(after));
}

// All ranks together, and each with the whole problem.
TEST(KroneckerHessian, IsTheSameForAnyNumberOfRanks) {
  const WholeAttention whole =
      make_whole({.query_lengths = {25, 90, 4}, .causal = true, .weighted = true, .ridge = 0.1}, 12);
  const auto solution = [&](const Communicator& comm) {
    const AttentionProblem problem = make_problem(comm, whole, AttentionVariables::joint);
    const auto point = problem.evaluate(0.5 * test_point(problem, 3));
    const auto hessian = make_kronecker_hessian(problem);
    hessian->update(*point, 0);
    EXPECT_TRUE(hessian->factor(1e-3 * hessian->mean_abs_diagonal()));
    return hessian->solve(normal_vector(problem.unknowns(), 5));
  };
  const Vector expected = solution(Communicator::self());
  EXPECT_LE((solution(Communicator::world()) - expected).norm(), 1e-8 * expected.norm());
}

// As a quasi-Newton matrix, on a target that the layer itself makes: accepted steps of a plain damping from
// half of the planted X lower the objective a hundredfold.
TEST(KroneckerHessian, DampedStepsMakeProgress) {
  WholeAttention whole = make_whole({.query_lengths = {50, 30}, .e = 3, .ridge = 1e-6}, 3);
  const Matrix planted = RandomStream(5, RandomPurpose::planted_x).normal_rows({0, 6}, 3);
  whole.b = pair_attention(whole, planted.topRows(3)) * whole.values() * planted.bottomRows(3);
  for (const auto variables : {AttentionVariables::projected, AttentionVariables::joint}) {
    const AttentionProblem problem = make_problem(Communicator::world(), whole, variables);
    auto point = problem.evaluate(problem.theta_of(0.5 * planted.topRows(3), planted.bottomRows(3)));
    const double start = point->objective().loss;
    const auto hessian = make_kronecker_hessian(problem);
    double shift = 0;
    for (int step = 0; step < 60; ++step) {
      hessian->update(*point, Progress(step));
      if (step == 0) shift = 0.01 * hessian->mean_abs_diagonal();
      ASSERT_TRUE(hessian->factor(shift));
      auto next = problem.evaluate(point->theta() - hessian->solve(problem.gradient(*point)));
      const bool accepted = next->objective().loss < point->objective().loss;
      shift *= accepted ? 0.3 : 4;
      if (accepted) point = std::move(next);
    }
    EXPECT_LT(point->objective().loss, 0.01 * start);
    RecordProperty("fall", std::to_string(point->objective().loss / start));
  }
}

TEST(IdentityHessian, ShiftsTheDampedUnknownsAlone) {
  const WholeAttention whole = make_whole({.query_lengths = {9}}, 3);
  const AttentionProblem problem = make_problem(Communicator::world(), whole, AttentionVariables::joint);
  const auto point = problem.evaluate(test_point(problem, 1));
  const auto hessian = make_identity_hessian(problem);
  hessian->update(*point, 0);
  EXPECT_EQ(hessian->mean_abs_diagonal(), 1);
  EXPECT_FALSE(hessian->factor(-1));
  ASSERT_TRUE(hessian->factor(3));
  Vector expected = Vector::Ones(problem.unknowns());
  expected.head(problem.unknowns_x()).setConstant(0.25);
  EXPECT_EQ(hessian->solve(Vector::Ones(problem.unknowns())), expected);
}

}  // namespace
}  // namespace attnewton
