// Approximate leverage scores against exact ones from a Gram–Schmidt process.
#include "attnewton/sketch/leverage_scores.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "attnewton/random/stream.hpp"

#include "support/gather.hpp"
#include "support/shared_rows.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

// Squared norms of the rows of an orthonormal basis of M's columns; a column that is all but dependent on
// those before it, 1e-10 of its norm being left, adds nothing. The last `ignored` rows belong to a ridge.
struct Exact {
  Vector scores;
  Index rank = 0;
};

Exact exact_scores(Matrix m, Index ignored = 0) {
  std::vector<Vector> basis;
  for (Index j = 0; j < m.cols(); ++j) {
    Vector column = m.col(j);
    const double norm = column.norm();
    for (int pass = 0; pass < 3; ++pass) {
      for (const Vector& q : basis) column -= q.dot(column) * q;
    }
    if (column.norm() > 1e-10 * norm) basis.push_back(column.normalized());
  }
  Exact exact{Vector::Zero(m.rows() - ignored), static_cast<Index>(basis.size())};
  for (const Vector& q : basis) exact.scores += q.head(exact.scores.size()).cwiseAbs2();
  return exact;
}

struct Case {
  std::string name;
  Matrix a;
  Vector weights;
};

Matrix normals(Index rows, Index columns, std::uint64_t seed) {
  return RandomStream(seed, RandomPurpose::inputs).normal_rows({0, rows}, columns);
}

Vector uniforms(Index rows, std::uint64_t seed) {
  const RandomStream stream(seed, RandomPurpose::noise);
  Vector numbers(rows);
  for (Index i = 0; i < rows; ++i) numbers[i] = stream.uniform(i);
  return numbers;
}

// Half of the entries are 0, and some rows weigh as much as all others.
Matrix uneven(Index rows, Index columns, std::uint64_t seed) {
  Matrix a = normals(rows, columns, seed).unaryExpr([](double entry) { return entry > 0 ? entry : 0; });
  for (Index i = 5; i < rows; i += 170) a.row(i) *= 100;
  return a;
}

std::vector<Case> test_cases() {
  const Index n = 600;
  std::vector<Case> cases = {{"uneven", uneven(n, 30, 1), uniforms(n, 1)},
                             {"few columns", uneven(n, 8, 6), uniforms(n, 6)},
                             {"one column", uneven(n, 1, 2), uniforms(n, 2)},
                             {"fewer rows than columns", normals(6, 9, 3), uniforms(6, 3)}};
  Case deficient{"rank 17 of 20, rows of zeros, weights of zero", uneven(n, 20, 4), uniforms(n, 4)};
  deficient.a.col(3) = deficient.a.col(2) - deficient.a.col(7) / 3;
  deficient.a.col(5).setZero();
  deficient.a.col(19) = 1e5 * deficient.a.col(0);
  for (Index i = 0; i < n; i += 7) deficient.a.row(i).setZero();
  for (Index i = 3; i < n; i += 7) deficient.weights[i] = 0;
  cases.push_back(deficient);
  Case scaled{"columns and weights of all sizes", uneven(n, 18, 5), 1e200 * uniforms(n, 5)};
  for (Index j = 0; j < 18; ++j) scaled.a.col(j) *= std::pow(1e2, static_cast<double>(j - 9));
  cases.push_back(scaled);
  return cases;
}

// Approximate scores of all rows, computed by the ranks of `comm`.
Vector scores(const Communicator& comm, const Case& test, Storage storage, const LeverageOptions& options) {
  const Index rows = test.a.rows();
  const RowMatrix a = share_of(comm, test.a, storage);
  const Vector weights = share_of(comm, test.weights);
  const Index first_row = rows_of_rank(rows, comm.size(), comm.rank()).begin;
  const auto grid = std::make_shared<ProcessGrid>(comm);
  return whole_of(comm, approximate_leverage_scores(grid, {a, weights, first_row}, options), rows);
}

// With k ≥ 16 columns of G and an embedding of distortion ½ a score lies within [1/20, 12] times its exact
// value but with odds below 1e-5 (χ²_16/16 within [1/9, 3], times 1/2.25 … 4). Returns how many scores lie
// outside [1/3, 3] times it.
Index expect_near(const Vector& found, const Vector& exact) {
  Index far = 0;
  for (Index i = 0; i < exact.size(); ++i) {
    if (exact[i] == 0) {
      EXPECT_EQ(found[i], 0) << i;
      continue;
    }
    const double ratio = found[i] / exact[i];
    EXPECT_GT(ratio, 1.0 / 20) << i;
    EXPECT_LT(ratio, 12) << i;
    if (ratio < 1.0 / 3 || ratio > 3) ++far;
  }
  return far;
}

// 10 fixed seeds; one score in 20 may lie outside [1/3, 3] times the exact one.
TEST(LeverageScores, AreNearTheExactOnes) {
  for (const Case& test : test_cases()) {
    SCOPED_TRACE(test.name);
    const Exact exact = exact_scores(test.weights.cwiseSqrt().asDiagonal() * test.a);
    Index far = 0;
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
      const Vector found = scores(Communicator::world(), test, Storage::dense, {0, seed, 0});
      far += expect_near(found, exact.scores);
      const auto rank = static_cast<double>(exact.rank);
      EXPECT_GT(found.sum(), 0.4 * rank);
      EXPECT_LT(found.sum(), 2.5 * rank);
    }
    EXPECT_LE(far, 10 * test.a.rows() / 20);
  }
}

TEST(LeverageScores, KnowTheRank) {
  const std::vector<Case> cases = test_cases();
  EXPECT_EQ(exact_scores(cases[3].weights.cwiseSqrt().asDiagonal() * cases[3].a).rank, 6);
  EXPECT_EQ(exact_scores(cases[4].weights.cwiseSqrt().asDiagonal() * cases[4].a).rank, 17);
}

TEST(LeverageScores, AreTheSameOnAnyNumberOfRanksAndForSparseRows) {
  for (const Case& test : test_cases()) {
    SCOPED_TRACE(test.name);
    const Vector alone = scores(Communicator::self(), test, Storage::dense, {0, 3, 1});
    for (const Storage storage : {Storage::dense, Storage::sparse}) {
      const Vector shared = scores(Communicator::world(), test, storage, {0, 3, 1});
      EXPECT_LE((shared - alone).cwiseAbs().maxCoeff(), 1e-6 * alone.maxCoeff());
    }
    const Vector other = scores(Communicator::world(), test, Storage::dense, {0, 3, 2});
    EXPECT_GT((other - alone).norm(), 1e-3 * alone.norm()) << "another iteration";
  }
}

// The scores of a ridge are those of [D^{1/2}A; √λ I], less its last rows.
TEST(LeverageScores, TakeARidgeIntoAccount) {
  const Case test = test_cases().front();
  const Matrix weighted = test.weights.cwiseSqrt().asDiagonal() * test.a;
  const double ridge = 0.1 * weighted.squaredNorm();
  Matrix extended(weighted.rows() + 30, 30);
  extended << weighted, std::sqrt(ridge) * Matrix::Identity(30, 30);
  const Exact exact = exact_scores(extended, 30);
  ASSERT_LT(exact.scores.sum(), 15);
  Index far = 0;
  for (std::uint64_t seed = 0; seed < 10; ++seed)
    far += expect_near(scores(Communicator::world(), test, Storage::sparse, {ridge, seed, 0}), exact.scores);
  EXPECT_LE(far, 10 * test.a.rows() / 20);
}

// Those of D^{1/2}(A − left rightᵀ), without A being changed: the same draws as for the difference itself.
TEST(LeverageScores, TakeATermOffTheRows) {
  const auto comm = Communicator::world();
  const Case test = test_cases().front();
  const Vector left = normals(test.a.rows(), 1, 8).col(0);
  const Vector right = 3 * normals(test.a.cols(), 1, 9).col(0);
  const Case difference{"", test.a - left * right.transpose(), test.weights};
  const Vector expected = scores(comm, difference, Storage::dense, {0.1, 4, 0});
  const RowMatrix a = share_of(comm, test.a, Storage::sparse);
  const Vector weights = share_of(comm, test.weights);
  const Index first_row = rows_of_rank(test.a.rows(), comm.size(), comm.rank()).begin;
  const Vector found = approximate_leverage_scores(
      grid_of_test(), {a, weights, first_row, share_of(comm, left), right}, {0.1, 4, 0});
  EXPECT_LE((whole_of(comm, found, test.a.rows()) - expected).cwiseAbs().maxCoeff(), 1e-9);
}

TEST(LeverageScores, AreZeroWhereAllWeightsAre) {
  Case test = test_cases().front();
  test.weights.setZero();
  EXPECT_EQ(scores(Communicator::world(), test, Storage::dense, {}).norm(), 0);
  test.weights.setOnes();
  test.a.setZero();
  EXPECT_EQ(scores(Communicator::world(), test, Storage::sparse, {}).norm(), 0);
}

}  // namespace
}  // namespace attnewton
