#include "attnewton/linalg/matrix_vector.hpp"

#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"
#include "attnewton/parallel/threads.hpp"

namespace attnewton {
namespace {

// Entries without a pattern that products could share.
Matrix numbers(Index rows, Index columns) {
  Matrix a(rows, columns);
  for (Index i = 0; i < rows; ++i) {
    for (Index j = 0; j < columns; ++j) {
      a(i, j) = static_cast<double>((i * 7919 + j * 104729 + 13) % 1009) / 1009 - 0.4;
    }
  }
  return a;
}

// The positive entries, about three in five.
SparseRows positive(const Matrix& a) {
  SparseRows rows;
  rows.columns = a.cols();
  for (Index i = 0; i < a.rows(); ++i) {
    for (Index j = 0; j < a.cols(); ++j) {
      if (a(i, j) <= 0) continue;
      rows.column_indices.push_back(j);
      rows.values.push_back(a(i, j));
    }
    rows.offsets.push_back(static_cast<Index>(rows.values.size()));
  }
  return rows;
}

// Σ_j a_ij x_j in long double, entry after entry.
Vector plain_matrix_vector(const Matrix& a, const Vector& x) {
  Vector z(a.rows());
  for (Index i = 0; i < a.rows(); ++i) {
    long double sum = 0;
    for (Index j = 0; j < a.cols(); ++j) sum += static_cast<long double>(a(i, j)) * x[j];
    z[i] = static_cast<double>(sum);
  }
  return z;
}

struct Shape {
  Index rows;
  Index columns;
};
// Nothing, one entry, rows that several tasks share, rows that are cut, both.
constexpr Shape shapes[] = {{0, 3}, {3, 0}, {1, 1}, {1300, 7}, {3, 9000}, {600, 4100}};

TEST(MatrixVector, GivesThePlainProducts) {
  for (const auto [rows, columns] : shapes) {
    SCOPED_TRACE(std::to_string(rows) + " x " + std::to_string(columns));
    const Matrix a = numbers(rows, columns);
    const Vector x = numbers(columns, 2).col(1);
    const Vector u = numbers(rows, 3).col(2);
    const double tolerance = 1e-14 * (1 + a.norm() * (x.norm() + u.norm()));
    EXPECT_LE((multiply(a, x) - plain_matrix_vector(a, x)).norm(), tolerance);
    EXPECT_LE((multiply_transposed(a, u) - plain_matrix_vector(a.transpose(), u)).norm(), tolerance);
    const Matrix kept = a.cwiseMax(0);
    EXPECT_LE((multiply(positive(a), x) - plain_matrix_vector(kept, x)).norm(), tolerance);
    EXPECT_LE((multiply_transposed(positive(a), u) - plain_matrix_vector(kept.transpose(), u)).norm(),
              tolerance);
  }
}

TEST(MatrixVector, GivesTheSameBitsForAnyNumberOfThreads) {
  for (const auto [rows, columns] : {Shape{3000, 9000}, Shape{40000, 9}}) {
    const Matrix a = numbers(rows, columns);
    const SparseRows sparse = positive(a);
    const Vector x = numbers(columns, 1).col(0);
    const Vector u = numbers(rows, 1).col(0);
    const Vector products[] = {multiply(a, x), multiply_transposed(a, u), multiply(sparse, x),
                               multiply_transposed(sparse, u)};
    const ThreadLimit one(1);
    EXPECT_EQ(multiply(a, x), products[0]);
    EXPECT_EQ(multiply_transposed(a, u), products[1]);
    EXPECT_EQ(multiply(sparse, x), products[2]);
    EXPECT_EQ(multiply_transposed(sparse, u), products[3]);
  }
}

TEST(MatrixVector, RefusesShapesThatDoNotFit) {
  const Matrix a = numbers(3, 2);
  EXPECT_THROW(multiply(a, Vector::Ones(3)), InternalError);
  EXPECT_THROW(multiply_transposed(a, Vector::Ones(2)), InternalError);
  EXPECT_THROW(multiply(positive(a), Vector::Ones(3)), InternalError);
  EXPECT_THROW(multiply_transposed(positive(a), Vector::Ones(2)), InternalError);
}

}  // namespace
}  // namespace attnewton
