#include "attnewton/linalg/distributed_matrix.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"
#include "attnewton/linalg/distributed_cholesky.hpp"
#include "attnewton/linalg/lanczos.hpp"
#include "attnewton/linalg/panel_reducer.hpp"

#include "support/gather.hpp"

namespace attnewton {
namespace {

using testing_support::distributed;
using testing_support::gather;
using testing_support::gather_symmetric;
using testing_support::grid_of_test;

double entry(Index i, Index j) {
  return std::sin(static_cast<double>(3 * i + 7 * j + 1));
}

// M = R Rᵀ / n + I of the deterministic matrix R, whole on every rank.
Matrix positive_definite(Index n) {
  Matrix r(n, n);
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < n; ++j) r(i, j) = entry(i, j * j);
  }
  Matrix m(n, n);
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < n; ++j)
      m(i, j) = r.row(i).dot(r.row(j)) / static_cast<double>(n) + (i == j ? 1 : 0);
  }
  return m;
}

TEST(DistributedMatrix, PanelsAreSummedIntoTheirOwnersTiles) {
  const auto comm = Communicator::world();
  for (const Index block : {1, 3, 8}) {
    DistributedMatrix matrix(grid_of_test(), 11, 7, block);
    Matrix expected = Matrix::Zero(11, 7);
    for (const auto& [row, column, rows, columns] :
         {std::array<Index, 4>{0, 0, 11, 7}, {2, 3, 5, 4}, {10, 6, 1, 1}, {4, 2, 0, 3}}) {
      Matrix panel(rows, columns);
      for (Index i = 0; i < rows; ++i) {
        for (Index j = 0; j < columns; ++j) {
          panel(i, j) = entry(row + i, column + j) * (comm.rank() + 1);
          expected(row + i, column + j) += entry(row + i, column + j) * comm.size() * (comm.size() + 1) / 2;
        }
      }
      matrix.add_reduced_panel(row, column, panel);
    }
    EXPECT_LE((gather(matrix) - expected).cwiseAbs().maxCoeff(), 1e-13);
  }
}

// More panels than may be under way at once, of two matrices in turn, some empty, overlapping.
TEST(PanelReducer, PanelsUnderWayDoNotGetInEachOthersWay) {
  const auto comm = Communicator::world();
  const auto grid = grid_of_test();
  DistributedMatrix first(grid, 20, 20, 3);
  DistributedMatrix second(grid, 20, 5, 3);
  PanelReducer into_first(first);
  PanelReducer into_second(second);
  Matrix expected_first = Matrix::Zero(20, 20);
  Matrix expected_second = Matrix::Zero(20, 5);
  const auto term = [](int rank, Index i, Index j) {
    return entry(i, j) + rank * (1 + static_cast<double>(i));
  };
  for (Index a = 0; a < 9; ++a) {
    Matrix row(a % 4, 20 - a);
    Matrix other(20 - 2 * a, 5);
    for (int rank = 0; rank < comm.size(); ++rank) {
      for (Index i = 0; i < row.rows(); ++i) {
        for (Index j = 0; j < row.cols(); ++j) expected_first(a + i, a + j) += term(rank, i, j);
      }
      for (Index i = 0; i < other.rows(); ++i) {
        for (Index j = 0; j < 5; ++j) expected_second(a + i, j) += term(rank, i, j);
      }
    }
    for (Index i = 0; i < row.rows(); ++i) {
      for (Index j = 0; j < row.cols(); ++j) row(i, j) = term(comm.rank(), i, j);
    }
    for (Index i = 0; i < other.rows(); ++i) {
      for (Index j = 0; j < 5; ++j) other(i, j) = term(comm.rank(), i, j);
    }
    into_first.add(a, a, row);
    into_second.add(a, 0, other);
    row.setConstant(NAN);  // the reducer has taken what it needs
  }
  into_first.finish();
  into_second.finish();
  into_second.finish();
  EXPECT_LE((gather(first) - expected_first).cwiseAbs().maxCoeff(), 1e-12);
  EXPECT_LE((gather(second) - expected_second).cwiseAbs().maxCoeff(), 1e-12);
}

// BLACS gives one communicator one handle: it must not go with the first of two grids.
TEST(ProcessGrid, OutlivesAnotherOnTheSameCommunicator) {
  auto first = std::make_shared<const ProcessGrid>(Communicator::self());
  auto second = std::make_shared<const ProcessGrid>(Communicator::self());
  const Matrix whole = positive_definite(9);
  testing::internal::CaptureStderr();
  first.reset();
  EXPECT_TRUE(DistributedCholesky::factor(distributed(whole, 2, second), 0, 9).has_value());
  second.reset();
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(DistributedMatrix, DiagonalShiftAndMean) {
  DistributedMatrix matrix(grid_of_test(), 13, 13, 2);
  matrix.add_to_diagonal(-2.5, 13);
  const Matrix expected = -2.5 * Matrix::Identity(13, 13);
  EXPECT_EQ(gather(matrix), expected);
  EXPECT_DOUBLE_EQ(matrix.mean_abs_diagonal(), 2.5);
  matrix.add_to_diagonal(2.5, 6);
  const Vector diagonal = gather(matrix).diagonal();
  EXPECT_EQ(Vector(diagonal.head(6)), Vector(Vector::Zero(6)));
  EXPECT_EQ(Vector(diagonal.tail(7)), Vector(Vector::Constant(7, -2.5)));
}

TEST(DistributedMatrix, SymmetricProductReadsTheLowerTriangleAlone) {
  const Matrix whole = positive_definite(17);
  Matrix lower = whole;
  for (Index i = 0; i < 17; ++i) {
    for (Index j = i + 1; j < 17; ++j) lower(i, j) = 1e300;
  }
  Vector v(17);
  for (Index i = 0; i < 17; ++i) v[i] = entry(i, 5);
  const Vector expected = whole * v;
  EXPECT_LE((symmetric_multiply(distributed(lower, 4), v) - expected).norm(), 1e-13);
}

TEST(DistributedMatrix, SubtractsOuterProducts) {
  const Matrix c = positive_definite(9);
  Matrix z(9, 5);
  for (Index i = 0; i < 9; ++i) {
    for (Index k = 0; k < 5; ++k) z(i, k) = entry(k, i);
  }
  const auto grid = grid_of_test();
  DistributedMatrix result = distributed(c, 2, grid);
  subtract_outer_product(result, distributed(z, 2, grid));
  EXPECT_THROW(subtract_outer_product(result, distributed(z, 2)), InternalError) << "another grid";
  const Matrix expected = c - z * z.transpose();
  EXPECT_LE((gather_symmetric(result) - expected).cwiseAbs().maxCoeff(), 1e-13);
}

// M = Q diag(λ) Qᵀ for a reflection Q: known eigenvalues, one of them at −3.
TEST(Lanczos, RitzValueBoundsTheSmallestEigenvalueFromAbove) {
  const Index n = 60;
  Vector u(n);
  for (Index i = 0; i < n; ++i) u[i] = entry(i, 2);
  u.normalize();
  const Matrix q = Matrix::Identity(n, n) - 2 * u * u.transpose();
  Vector eigenvalues = Vector::LinSpaced(n, 0.5, 8);
  eigenvalues[17] = -3;
  const Matrix whole = q * eigenvalues.asDiagonal() * q.transpose();
  const DistributedMatrix matrix = distributed(whole, 4);
  double before = 1e300;
  for (const Index steps : {1, 3, 10, 25}) {
    const double ritz = smallest_ritz_value(matrix, steps);
    EXPECT_GE(ritz, -3 - 1e-12);
    EXPECT_LE(ritz, before + 1e-12);
    before = ritz;
  }
  EXPECT_NEAR(before, -3, 1e-6);
  EXPECT_NEAR(smallest_ritz_value(distributed(Matrix::Constant(1, 1, -2.5), 4), 5), -2.5, 1e-15);
  EXPECT_NEAR(smallest_ritz_value(distributed(Matrix(2 * Matrix::Identity(9, 9)), 4), 5), 2, 1e-14);
}

TEST(DistributedCholesky, SolvesShiftedSystems) {
  for (const Index n : {1, 2, 23, 130}) {
    const Matrix whole = positive_definite(n);
    const DistributedMatrix matrix = distributed(whole, n > 64 ? 64 : 3);
    Vector rhs(n);
    for (Index i = 0; i < n; ++i) rhs[i] = entry(i, 1);
    const auto factor = DistributedCholesky::factor(matrix, 0.25, n);
    ASSERT_TRUE(factor.has_value());
    const Vector solution = factor->solve(rhs);
    EXPECT_LE((whole * solution + 0.25 * solution - rhs).norm(), 1e-11 * rhs.norm());
    EXPECT_LE((gather(matrix) - whole).cwiseAbs().maxCoeff(), 0) << "the matrix must stay as it was";
  }
}

TEST(DistributedCholesky, SaysSoWhenThereIsNoFactor) {
  Matrix whole = positive_definite(20);
  whole(19, 19) = -1;
  EXPECT_FALSE(DistributedCholesky::factor(distributed(whole, 3), 0, 20).has_value());
  EXPECT_TRUE(DistributedCholesky::factor(distributed(whole, 3), 100, 20).has_value());
  EXPECT_FALSE(DistributedCholesky::factor(distributed(whole, 3), 100, 19).has_value()) << "last not shifted";
  whole(19, 19) = std::nan("");
  EXPECT_FALSE(DistributedCholesky::factor(distributed(whole, 3), 100, 20).has_value());
}

}  // namespace
}  // namespace attnewton
