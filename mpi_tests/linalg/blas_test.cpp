#include "attnewton/linalg/blas.hpp"

#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"
#include "attnewton/linalg/packed_symmetric.hpp"
#include "attnewton/parallel/deterministic.hpp"
#include "attnewton/parallel/threads.hpp"

namespace attnewton {
namespace {

Matrix filled(Index rows, Index columns, double phase) {
  Matrix m(rows, columns);
  for (Index i = 0; i < rows; ++i) {
    for (Index j = 0; j < columns; ++j) m(i, j) = std::cos(phase + static_cast<double>(i * columns + j));
  }
  return m;
}

// The definition, one entry at a time.
Matrix plain_product(const Matrix& a, const Matrix& b) {
  Matrix c = Matrix::Zero(a.rows(), b.cols());
  for (Index i = 0; i < a.rows(); ++i) {
    for (Index j = 0; j < b.cols(); ++j) {
      for (Index k = 0; k < a.cols(); ++k) c(i, j) += a(i, k) * b(k, j);
    }
  }
  return c;
}

TEST(Blas, AllTransposesOnBlocksOfLargerMatrices) {
  const Matrix a = filled(4, 6, 0.1);
  const Matrix b = filled(6, 5, 0.2);
  const Matrix expected = 2 * plain_product(a, b) + 3 * filled(4, 5, 0.3);
  const Matrix at = a.transpose();
  const Matrix bt = b.transpose();
  for (const bool transpose_a : {false, true}) {
    for (const bool transpose_b : {false, true}) {
      Matrix frame = filled(10, 12, 0.7);
      const Matrix before = frame;
      frame.block(3, 2, 4, 5) = filled(4, 5, 0.3);
      gemm(transpose_a ? Transpose::yes : Transpose::no, transpose_b ? Transpose::yes : Transpose::no, 2,
           transpose_a ? at : a, transpose_b ? bt : b, 3, frame.block(3, 2, 4, 5));
      EXPECT_LE((frame.block(3, 2, 4, 5) - expected).norm(), 1e-13);
      EXPECT_EQ(frame.topRows(3), before.topRows(3));
      EXPECT_EQ(frame.rightCols(5), before.rightCols(5));
    }
  }
}

TEST(Blas, SolvesWithALowerFactorInABlock) {
  Matrix lower = filled(5, 5, 0.4);
  lower.diagonal().array() += 3;
  Matrix frame = filled(9, 11, 0.6);
  const Matrix before = frame;
  solve_lower(lower, frame.block(2, 1, 5, 7));
  const Matrix triangle = lower.triangularView<Eigen::Lower>();
  EXPECT_LE((plain_product(triangle, frame.block(2, 1, 5, 7)) - before.block(2, 1, 5, 7)).norm(), 1e-13);
  EXPECT_EQ(frame.topRows(2), before.topRows(2));
  EXPECT_EQ(frame.rightCols(3), before.rightCols(3));
}

TEST(Blas, SumsOverManyRowsAgreeWithTheDefinitionForAnyThreads) {
  const Matrix a = filled(1301, 3, 0.4);
  const Matrix b = filled(1301, 4, 0.5);
  const Matrix at = a.transpose();
  const Matrix expected = plain_product(at, b);
  Matrix one_thread;
  for (const int threads : {1, 2, 2}) {
    const ThreadLimit limit(threads);
    const Matrix product = transpose_product(a, b);
    EXPECT_LE((product - expected).norm(), 1e-11);
    if (one_thread.size() == 0) one_thread = product;
    EXPECT_EQ(product, one_thread);
  }
  EXPECT_EQ(transpose_product(Matrix(0, 3), Matrix(0, 4)), Matrix(Matrix::Zero(3, 4)));
  EXPECT_NEAR(inner_product(a, a), a.squaredNorm(), 1e-10);
}

TEST(Blas, WideSumsAreAddedBlockByBlock) {
  const Matrix a = filled(7, 900, 0.2);
  const Matrix b = filled(7, 1600, 0.9);
  Matrix c = filled(900, 1600, 0.1);
  const Matrix at = a.transpose();
  const Matrix expected = c + plain_product(at, b);
  add_transpose_product(a, b, c);
  EXPECT_LE((c - expected).cwiseAbs().maxCoeff(), 1e-13);
}

TEST(Blas, SymmetricProductsFillTheirTriangleAlone) {
  const Matrix a = Matrix::Random(30, 7);
  for (const Triangle triangle : {Triangle::lower, Triangle::upper}) {
    Matrix c = Matrix::Constant(9, 8, 5);
    symmetric_product(triangle, a.middleCols(1, 5), c.block(2, 1, 5, 5));
    const Matrix expected = a.middleCols(1, 5).transpose() * a.middleCols(1, 5);
    for (Index i = 0; i < 5; ++i) {
      for (Index j = 0; j < 5; ++j) {
        const bool is_made = triangle == Triangle::lower ? j <= i : j >= i;
        EXPECT_NEAR(c(2 + i, 1 + j), is_made ? expected(i, j) : 5, 1e-13);
      }
    }
    EXPECT_EQ(c.row(7), Matrix::Constant(9, 8, 5).row(7));
  }
}

TEST(Blas, RowsOfAProduct) {
  const Matrix a = filled(1100, 5, 0.2);
  const Matrix b = filled(5, 3, 0.9);
  EXPECT_LE((product_by_rows(a, b) - plain_product(a, b)).cwiseAbs().maxCoeff(), 1e-13);
}

TEST(Blas, RefusesShapesThatDoNotFit) {
  Matrix c(2, 2);
  EXPECT_THROW(multiply(filled(2, 3, 0), filled(2, 2, 0), c), InternalError);
}

// The BLAS in use must be safe to call from several TBB tasks: products of many sizes at once, each against a
// serial one. (OpenBLAS built without threads fails this within a few hundred calls.)
TEST(Blas, IsSafeToCallFromSeveralTasks) {
  const Index sizes = 24;
  std::vector<Matrix> expected;
  for (Index s = 0; s < sizes; ++s) {
    Matrix c(20 + s, 20 + s);
    multiply(filled(20 + s, 31, 0.1), filled(31, 20 + s, 0.2), c);
    expected.push_back(c);
  }
  const ThreadLimit limit(4);
  const Index wrong = deterministic_sum(4000, Index{0}, [&](Index task) {
    const Index s = task % sizes;
    Matrix c(20 + s, 20 + s);
    multiply(filled(20 + s, 31, 0.1), filled(31, 20 + s, 0.2), c);
    return c == expected[static_cast<std::size_t>(s)] ? Index{0} : Index{1};
  });
  EXPECT_EQ(wrong, 0);
}

TEST(PackedSymmetric, PacksAndUnpacks) {
  const Index d = 6;
  const Matrix v = filled(1, d, 0.3);
  std::vector<double> packed(static_cast<std::size_t>(packed_size(d)));
  pack_outer_product(v.data(), d, 2, packed.data());
  Matrix whole(d, d);
  unpack_symmetric(packed.data(), whole);
  for (Index a = 0; a < d; ++a) {
    for (Index b = 0; b < d; ++b) EXPECT_DOUBLE_EQ(whole(a, b), 2 * v(0, a) * v(0, b));
  }
  EXPECT_DOUBLE_EQ(packed[static_cast<std::size_t>(packed_index(4, 1))], whole(4, 1));
  std::vector<double> again(packed.size());
  pack_symmetric(whole, again.data());
  EXPECT_EQ(again, packed);
}

}  // namespace
}  // namespace attnewton
