#include "attnewton/linalg/row_matrix.hpp"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"
#include "attnewton/parallel/threads.hpp"
#include "attnewton/random/stream.hpp"

#include "support/shared_rows.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

// Normal numbers, about two thirds of them replaced by 0, row 3 as a whole.
Matrix sparse_numbers(Index rows, Index columns) {
  Matrix a = RandomStream(3, RandomPurpose::inputs).normal_rows({0, rows}, columns);
  a = a.unaryExpr([](double entry) { return entry > 0.4 ? entry : 0; });
  if (rows > 3) a.row(3).setZero();
  return a;
}

TEST(RowMatrix, DenseAndSparseGiveThePlainProducts) {
  for (const Index rows : {Index{0}, Index{1}, Index{7}, Index{1500}}) {
    const Matrix a = sparse_numbers(rows, 13);
    const Vector x = RandomStream(4, RandomPurpose::start).normal_rows({0, 13}, 1).col(0);
    const Vector u = RandomStream(5, RandomPurpose::start).normal_rows({0, rows}, 1).col(0);
    for (const RowMatrix& matrix : {RowMatrix(a), RowMatrix(compress(a))}) {
      matrix.check(0);
      EXPECT_EQ(matrix.rows(), rows);
      EXPECT_EQ(matrix.columns(), 13);
      EXPECT_EQ(matrix.entries(), matrix.is_sparse() ? (a.array() != 0).count() : a.size());
      EXPECT_LE((matrix.times(x) - a * x).norm(), 1e-14 * (1 + x.norm() * a.norm()));
      EXPECT_LE((matrix.transpose_times(u) - a.transpose() * u).norm(), 1e-14 * (1 + u.norm() * a.norm()));
    }
  }
}

TEST(RowMatrix, GivesTheSameBitsForAnyNumberOfThreads) {
  const Matrix a = sparse_numbers(40000, 9);
  const Vector u = RandomStream(6, RandomPurpose::start).normal_rows({0, 40000}, 1).col(0);
  for (const RowMatrix& matrix : {RowMatrix(a), RowMatrix(compress(a))}) {
    const Vector with_two = matrix.transpose_times(u);
    const ThreadLimit one(1);
    EXPECT_EQ(matrix.transpose_times(u), with_two);
  }
}

TEST(RowMatrix, TakesRowsAndTheirNormsAndManyColumnsAtOnce) {
  for (const Index rows : {Index{0}, Index{1}, Index{1500}}) {
    const Matrix a = sparse_numbers(rows, 13);
    const Matrix v = RandomStream(7, RandomPurpose::start).normal_rows({0, 13}, 5);
    std::vector<Index> chosen;
    for (Index i = rows - 1; i >= 0; i -= 2) chosen.push_back(i);
    for (const RowMatrix& matrix : {RowMatrix(a), RowMatrix(compress(a))}) {
      EXPECT_LE((matrix.times_columns(v) - a * v).norm(), 1e-14 * (1 + v.norm() * a.norm()));
      EXPECT_LE((matrix.squared_row_norms() - a.rowwise().squaredNorm()).norm(), 1e-14 * a.squaredNorm());
      const RowMatrix part = matrix.select(chosen);
      part.check(0);
      EXPECT_EQ(part.is_sparse(), matrix.is_sparse());
      ASSERT_EQ(part.rows(), static_cast<Index>(chosen.size()));
      const Matrix entries = part.times_columns(Matrix::Identity(13, 13));
      for (Index k = 0; k < part.rows(); ++k)
        EXPECT_EQ(Vector(entries.row(k)), Vector(a.row(chosen[static_cast<std::size_t>(k)])));
    }
  }
}

// The message of the DataError that check() throws, or what it should have been.
std::string refusal(const RowMatrix& matrix) {
  try {
    matrix.check(100);
  } catch (const DataError& error) {
    return error.what();
  }
  return "not refused";
}

TEST(RowMatrix, NamesTheRowOfWhatIsWrong) {
  Matrix dense = Matrix::Ones(4, 3);
  dense(2, 1) = std::nan("");
  EXPECT_NE(refusal(dense).find("nan at row 102, column 1"), std::string::npos) << refusal(dense);
  EXPECT_NE(refusal(compress(dense)).find("nan at row 102, column 1"), std::string::npos);

  const SparseRows sound = compress(Matrix::Ones(4, 3));
  SparseRows rows = sound;
  rows.column_indices[4] = 3;  // row 1
  EXPECT_NE(refusal(rows).find("column 3 in row 101"), std::string::npos) << refusal(rows);
  rows = sound;
  rows.column_indices[4] = -1;
  EXPECT_NE(refusal(rows).find("column -1 in row 101"), std::string::npos);
  rows = sound;
  rows.column_indices[10] = 0;  // row 3: twice the same
  EXPECT_NE(refusal(rows).find("column 0 in row 103"), std::string::npos);
  rows = sound;
  rows.offsets[2] = 100;
  EXPECT_NE(refusal(rows).find("row offsets"), std::string::npos);
  rows = sound;
  rows.values.pop_back();
  EXPECT_NE(refusal(rows).find("row offsets"), std::string::npos);
}

}  // namespace
}  // namespace attnewton
