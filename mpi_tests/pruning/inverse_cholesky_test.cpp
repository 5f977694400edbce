#include "attnewton/linalg/inverse_cholesky.hpp"

#include <limits>

#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"

#include "plain_cases.hpp"
#include "plain_pruning.hpp"

namespace attnewton {
namespace {

TEST(InverseCholesky, IsTheFactorOfTheInverse) {
  for (const Index d : {1, 2, 7, 40}) {
    const Matrix x = testing_support::correlated_inputs(d + 30, d);
    const plain::Table h = plain::gram(testing_support::table_of(x));
    const plain::Table expected = plain::inverse(h);
    Matrix given = testing_support::matrix_of(h);
    given.triangularView<Eigen::StrictlyLower>().setConstant(std::numeric_limits<double>::quiet_NaN());
    const auto u = inverse_cholesky_factor(given);
    ASSERT_TRUE(u);
    const Matrix product = u->transpose() * *u;
    const Matrix difference = product - testing_support::matrix_of(expected);
    EXPECT_LT(difference.norm(), 1e-11 * product.norm()) << d;
    for (Index i = 0; i < d; ++i) {
      EXPECT_GT((*u)(i, i), 0);
      for (Index j = 0; j < i; ++j) EXPECT_EQ((*u)(i, j), 0);
    }
  }
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
