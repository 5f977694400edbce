#include "attnewton/sketch/count_sketch.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "attnewton/linalg/distributed_cholesky.hpp"
#include "attnewton/parallel/threads.hpp"

#include "support/gather.hpp"
#include "support/shared_rows.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

// S written out, columns 0 … columns − 1.
Matrix whole_sketch(const CountSketch& sketch, Index columns) {
  Matrix s = Matrix::Zero(sketch.rows(), columns);
  for (Index column = 0; column < columns; ++column) {
    for (Index block = 0; block < sketch.blocks(); ++block) {
      const CountSketch::Entry entry = sketch.entry(column, block);
      s(block * sketch.block_rows() + entry.row, column) = entry.value;
    }
  }
  return s;
}

// Fixed seed. The 2·7 outcomes of 7000 entries: each count within 5 standard deviations of its mean, which
// fails with odds below 1e-5.
TEST(CountSketch, RowsAndSignsAreUniform) {
  const CountSketch sketch(7, 3, 21, 0);
  const Index columns = 7000;
  for (Index block = 0; block < 3; ++block) {
    std::vector<double> counts(14, 0);
    for (Index column = 0; column < columns; ++column) {
      const CountSketch::Entry entry = sketch.entry(column, block);
      ASSERT_GE(entry.row, 0);
      ASSERT_LT(entry.row, 7);
      EXPECT_DOUBLE_EQ(std::abs(entry.value), 1 / std::sqrt(3.0));
      counts[static_cast<std::size_t>(2 * entry.row + (entry.value > 0 ? 1 : 0))] += 1;
    }
    for (const double count : counts) EXPECT_NEAR(count, 500, 5 * std::sqrt(500.0));
  }
}

TEST(CountSketch, SeedsAndIterationsAndBlocksDrawAnew) {
  const Matrix first = whole_sketch({11, 2, 1, 0}, 30);
  EXPECT_EQ(whole_sketch({11, 2, 1, 0}, 30), first);
  EXPECT_NE(whole_sketch({11, 2, 2, 0}, 30), first);
  EXPECT_NE(whole_sketch({11, 2, 1, 1}, 30), first);
  EXPECT_NE(Matrix(first.topRows(11)), Matrix(first.bottomRows(11)));
}

TEST(CountSketch, SumsSharesOfAnyNumberOfRanks) {
  const Index rows = 700;
  Matrix a = RandomStream(1, RandomPurpose::inputs).normal_rows({0, rows}, 6);
  a = a.unaryExpr([](double entry) { return entry > -0.3 ? entry : 0; });
  const Vector scale = RandomStream(2, RandomPurpose::inputs).normal_rows({0, rows}, 1).col(0);
  const auto comm = Communicator::world();
  const Index first_row = rows_of_rank(rows, comm.size(), comm.rank()).begin;
  for (const Index blocks : {1, 4}) {
    const CountSketch sketch(10, blocks, 5, 3);
    const Matrix expected = whole_sketch(sketch, rows) * scale.asDiagonal() * a;
    for (const Storage storage : {Storage::dense, Storage::sparse}) {
      DistributedMatrix sum(grid_of_test(), sketch.rows() + 2, 6, 3);
      add_sketch(sketch, share_of(comm, a, storage), share_of(comm, scale), first_row, sum);
      const Matrix found = gather(sum);
      EXPECT_LE((found.topRows(sketch.rows()) - expected).norm(), 1e-13 * expected.norm());
      EXPECT_EQ(found.bottomRows(2).norm(), 0);
      const Matrix part = sketch.product(share_of(Communicator::self(), a, storage), scale, 0, {2, 5});
      EXPECT_LE((part - expected.middleCols(2, 3)).norm(), 1e-13 * expected.norm());
    }
  }
}

TEST(CountSketch, GivesTheSameBitsForAnyNumberOfThreads) {
  const Matrix a = RandomStream(1, RandomPurpose::inputs).normal_rows({0, 9000}, 20);
  const Vector scale = Vector::Constant(9000, 0.3);
  const CountSketch sketch(10, 8, 5, 0);
  for (const RowMatrix& rows : {RowMatrix(a), RowMatrix(compress(a))}) {
    const Matrix with_two = sketch.product(rows, scale, 0, {0, 20});
    const ThreadLimit one(1);
    EXPECT_EQ(sketch.product(rows, scale, 0, {0, 20}), with_two);
  }
}

// (1−ε)² I ⪯ (SU)ᵀ(SU) ⪯ (1+ε)² I for an orthonormal U with ε = ½: a subspace that lies on a few rows, the
// hardest for a sparse embedding, and one that lies on all. 30 fixed seeds with one exception at most.
TEST(CountSketch, KeepsTheNormsOfASubspace) {
  const Index d = 10;
  const Index n = 640;
  Matrix spread(n, d);  // columns of a Hadamard matrix
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < d; ++j)
      spread(i, j) =
          (__builtin_popcountll(static_cast<unsigned long long>((i % 64) & (j + 1))) % 2 == 0 ? 1 : -1) /
          std::sqrt(static_cast<double>(n));
  }
  ASSERT_LE((spread.transpose() * spread - Matrix::Identity(d, d)).norm(), 1e-12);
  const Matrix narrow = Matrix::Identity(n, d);
  const auto grid = grid_of_test();
  const auto is_definite = [&](const Matrix& m) {
    return DistributedCholesky::factor(distributed(m, 4, grid), 0, 0).has_value();
  };
  int failures = 0;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const Matrix s = whole_sketch({10, 8, seed, 0}, n);
    for (const Matrix& u : {spread, narrow}) {
      const Matrix gram = (s * u).transpose() * (s * u);
      if (!is_definite(gram - 0.25 * Matrix::Identity(d, d)) ||
          !is_definite(2.25 * Matrix::Identity(d, d) - gram))
        ++failures;
    }
  }
  EXPECT_LE(failures, 1);
}

}  // namespace
}  // namespace attnewton
