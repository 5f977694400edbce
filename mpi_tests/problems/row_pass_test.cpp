#include "attnewton/problems/row_pass.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "attnewton/parallel/threads.hpp"
#include "attnewton/random/stream.hpp"

#include "support/whole_regression.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

// Normal numbers, half of them 0.
Matrix half_zero(Index rows, Index columns) {
  Matrix a = RandomStream(51, RandomPurpose::inputs).normal_rows({0, rows}, columns);
  return a.unaryExpr([](double entry) { return entry > 0 ? entry : 0; });
}

// Σ_i y_i a_iᵀ with y_i = (z_i, 1, z_i²) made of z = A x in the same pass; z beside it.
Matrix moments(const RowMatrix& a, const Vector& x, Vector& z) {
  const RowPass pass(a);
  z = Vector::Constant(a.rows(), -1);
  return pass.transpose_product(3, [&](Index, Range rows, double* y) {
    pass.times(rows, x, z.data() + rows.begin);
    for (Index i = rows.begin; i < rows.end; ++i, y += 3) {
      y[0] = z[i];
      y[1] = 1;
      y[2] = z[i] * z[i];
    }
  });
}

TEST(RowPass, GivesThePlainProducts) {
  for (const Index rows : {0, 1, 7, 1500}) {
    for (const Index columns : {1, 2, 8, 13, 64, 300, 5000}) {
      if (rows > 7 && columns == 5000) continue;
      SCOPED_TRACE(testing::Message() << rows << " × " << columns);
      const Matrix a = half_zero(rows, columns);
      const Vector x = RandomStream(52, RandomPurpose::start).normal_rows({0, columns}, 1).col(0);
      const Vector z = a * x;
      Matrix y(rows, 3);
      y << z, Vector::Ones(rows), z.array().square().matrix();
      const Matrix expected = y.transpose() * a;
      const Matrix size = y.cwiseAbs().transpose() * a.cwiseAbs();
      for (const RowMatrix& matrix : {RowMatrix(a), RowMatrix(compress(a))}) {
        Vector scores;
        const Matrix sums = moments(matrix, x, scores);
        ASSERT_EQ(sums.rows(), 3);
        ASSERT_EQ(sums.cols(), columns);
        EXPECT_LE((scores - z).norm(), 1e-14 * (1 + a.norm() * x.norm()));
        EXPECT_LE((sums - expected).norm(), 1e-13 * (1 + size.norm()));
      }
    }
  }
}

TEST(RowPass, BringsEveryRowOnceAndAChunksBlocksInOrder) {
  for (const RowMatrix& a : {RowMatrix(half_zero(70000, 9)), RowMatrix(compress(half_zero(70000, 9)))}) {
    const RowPass pass(a);
    std::vector<Index> ends(static_cast<std::size_t>(pass.chunks()), 0);
    std::vector<Index> counts(static_cast<std::size_t>(pass.chunks()), 0);
    Vector seen = Vector::Zero(a.rows());
    pass.transpose_product(1, [&](Index chunk, Range rows, double* y) {
      const auto i = static_cast<std::size_t>(chunk);
      EXPECT_TRUE(counts[i] == 0 || rows.begin == ends[i]);
      ends[i] = rows.end;
      counts[i] += rows.size();
      seen.segment(rows.begin, rows.size()).array() += 1;
      std::fill_n(y, rows.size(), 0.0);
    });
    EXPECT_EQ(seen.minCoeff(), 1);
    EXPECT_EQ(seen.maxCoeff(), 1);
    EXPECT_GT(pass.chunks(), 8);
    for (const Index count : counts) EXPECT_GT(count, 0);
  }
}

TEST(RowPass, GivesTheSameBitsForAnyNumberOfThreads) {
  const Matrix dense = half_zero(40000, 19);
  const Vector x = Vector::Constant(19, 0.1);
  for (const RowMatrix& a : {RowMatrix(dense), RowMatrix(compress(dense))}) {
    Vector z;
    const Matrix with_two = moments(a, x, z);
    const ThreadLimit one(1);
    EXPECT_EQ(moments(a, x, z), with_two);
  }
}

}  // namespace
}  // namespace attnewton
