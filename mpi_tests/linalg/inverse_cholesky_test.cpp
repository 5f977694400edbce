#include "attnewton/linalg/inverse_cholesky.hpp"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"

namespace attnewton {
namespace {

// GᵀG of a G with entries that follow no pattern, plus a tenth of the unit matrix.
Matrix spread_out_matrix(Index d) {
  Matrix g(d, d);
  for (Index e = 0; e < g.size(); ++e) g.data()[e] = std::sin(static_cast<double>(e * e + 1));
  Matrix h = Matrix::Identity(d, d) / 10;
  for (Index i = 0; i < d; ++i) {
    for (Index j = 0; j < d; ++j) h(i, j) += g.col(i).dot(g.col(j));
  }
  return h;
}

TEST(InverseCholesky, IsTheFactorOfTheInverse) {
  for (const Index d : {1, 2, 7, 40}) {
    const Matrix h = spread_out_matrix(d);
    Matrix upper = h;
    upper.triangularView<Eigen::StrictlyLower>().setConstant(std::numeric_limits<double>::quiet_NaN());
    const auto u = inverse_cholesky_factor(upper);
    ASSERT_TRUE(u);
    // UᵀU H = I
    const Matrix product = u->transpose() * (*u * h);
    EXPECT_LT((product - Matrix::Identity(d, d)).norm(), 1e-10) << d;
    for (Index i = 0; i < d; ++i) {
      EXPECT_GT((*u)(i, i), 0);
      for (Index j = 0; j < i; ++j) EXPECT_EQ((*u)(i, j), 0);
    }
  }
}

TEST(InverseCholesky, OfADiagonalAndATwoByTwo) {
  Matrix h(2, 2);
  h << 4, 0, 0, 0.25;
  Matrix expected(2, 2);
  expected << 0.5, 0, 0, 2;
  EXPECT_EQ(*inverse_cholesky_factor(h), expected);
  h << 5, 2, 2, 1;  // inverse: 1, -2, -2, 5
  expected << 1, -2, 0, 1;
  EXPECT_LT((*inverse_cholesky_factor(h) - expected).norm(), 1e-14);
}

TEST(InverseCholesky, RefusesWhatIsNotPositiveDefinite) {
  Matrix h = Matrix::Identity(3, 3);
  h(0, 2) = 1;
  EXPECT_FALSE(inverse_cholesky_factor(h)) << "singular";
  h(0, 2) = 2;
  EXPECT_FALSE(inverse_cholesky_factor(h)) << "indefinite";
  for (const double bad :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    h(0, 2) = bad;
    EXPECT_FALSE(inverse_cholesky_factor(h));
  }
  EXPECT_THROW(inverse_cholesky_factor(Matrix::Zero(2, 3)), InternalError);
  EXPECT_EQ(inverse_cholesky_factor(Matrix(0, 0))->size(), 0);
}

}  // namespace
}  // namespace attnewton
