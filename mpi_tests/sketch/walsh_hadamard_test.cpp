#include "attnewton/sketch/walsh_hadamard.hpp"

#include <bit>

#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"
#include "attnewton/parallel/threads.hpp"
#include "attnewton/random/stream.hpp"

#include "explicit_sketch.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

Matrix numbers(Index rows, Index columns) {
  return RandomStream(3, RandomPurpose::inputs).normal_rows({0, rows}, columns);
}

TEST(WalshHadamard, IsTheProductWithSylvestersMatrix) {
  for (Index rows = 1; rows <= 512; rows *= 2) {
    const Matrix h = hadamard(rows);
    for (const Index columns : {0, 1, 3, 8, 29}) {
      const Matrix a = numbers(rows, columns);
      Matrix transformed = a;
      walsh_hadamard(transformed);
      EXPECT_LE((transformed - h * a).norm(), 1e-14 * static_cast<double>(rows) * (1 + a.norm()))
          << rows << " × " << columns;
    }
  }
}

// Matrices that are larger than a piece of the cache: tall ones, and one whose single row is.
TEST(WalshHadamard, GoesThroughLargeMatricesInPieces) {
  for (const auto& [rows, columns] :
       {std::pair<Index, Index>{1 << 14, 5}, {1 << 12, 100}, {1 << 17, 1}, {8, 40001}, {1024, 500}}) {
    const Matrix a = numbers(rows, columns);
    Matrix transformed = a;
    walsh_hadamard(transformed);
    for (Index i = 1; i < rows; i = 3 * i + 2) {
      Vector expected = Vector::Zero(columns);
      for (Index j = 0; j < rows; ++j)
        expected += (std::popcount(static_cast<std::uint64_t>(i & j)) % 2 == 0 ? 1 : -1) * a.row(j);
      ASSERT_LE((transformed.row(i).transpose() - expected).cwiseAbs().maxCoeff(), 1e-10)
          << "row " << i << " of " << rows << " × " << columns;
    }
    walsh_hadamard(transformed);
    EXPECT_LE((transformed / static_cast<double>(rows) - a).cwiseAbs().maxCoeff(), 1e-13);
  }
}

TEST(WalshHadamard, GivesTheSameBitsForAnyNumberOfThreads) {
  const Matrix a = numbers(1 << 13, 30);
  Matrix with_two = a;
  walsh_hadamard(with_two);
  const ThreadLimit one(1);
  Matrix with_one = a;
  walsh_hadamard(with_one);
  EXPECT_EQ(with_one, with_two);
}

TEST(WalshHadamard, RefusesOrdersThatAreNoPowersOfTwo) {
  for (const Index rows : {0, 3, 12}) {
    Matrix a = Matrix::Zero(rows, 2);
    EXPECT_THROW(walsh_hadamard(a), InternalError);
  }
  EXPECT_EQ(hadamard_order(1), 1);
  EXPECT_EQ(hadamard_order(64), 64);
  EXPECT_EQ(hadamard_order(65), 128);
  EXPECT_THROW(hadamard_order(0), InternalError);
}

}  // namespace
}  // namespace attnewton
