#include "attnewton/linalg/generalised_eigenvalues.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "attnewton/random/stream.hpp"

#include "support/gather.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

// A = L Q diag(λ) Qᵀ Lᵀ and B = L Lᵀ with a reflection Q: the λ are known.
TEST(GeneralisedEigenvalues, AreThoseThatThePairWasMadeOf) {
  for (const Index n : {1, 2, 23, 130}) {
    const RandomStream stream(5, RandomPurpose::inputs);
    Matrix lower = stream.normal_rows({0, n}, n).triangularView<Eigen::StrictlyLower>();
    lower /= std::sqrt(static_cast<double>(n));
    for (Index i = 0; i < n; ++i) lower(i, i) = 1 + stream.uniform(i, n);
    const Vector u = stream.normal_rows({n, 2 * n}, 1).col(0).normalized();
    const Matrix reflected = lower - 2 * (lower * u) * u.transpose();
    const Vector values = Vector::LinSpaced(n, -0.5, 3);
    const Matrix a = reflected * values.asDiagonal() * reflected.transpose();
    const Matrix b = lower * lower.transpose();
    const auto grid = grid_of_test();
    for (const Index block : {3, 64}) {
      const DistributedMatrix first = distributed(a.triangularView<Eigen::Lower>(), block, grid);
      const DistributedMatrix second = distributed(b.triangularView<Eigen::Lower>(), block, grid);
      const auto found = generalised_eigenvalues(first, second);
      ASSERT_TRUE(found.has_value());
      ASSERT_EQ(found->size(), n);
      const Vector expected = n == 1 ? Vector::Constant(1, values[0]) : values;
      EXPECT_LE((*found - expected).cwiseAbs().maxCoeff(), 1e-9) << n;
      EXPECT_LE((gather(second) - Matrix(b.triangularView<Eigen::Lower>())).norm(), 0) << "B stays as it was";
    }
  }
}

TEST(GeneralisedEigenvalues, AreNoneWhereTheSecondMatrixIsNotPositiveDefinite) {
  const auto grid = grid_of_test();
  const DistributedMatrix identity = distributed(Matrix::Identity(9, 9), 2, grid);
  Matrix indefinite = Matrix::Identity(9, 9);
  indefinite(8, 8) = -1;
  EXPECT_FALSE(generalised_eigenvalues(identity, distributed(indefinite, 2, grid)).has_value());
  EXPECT_TRUE(generalised_eigenvalues(distributed(indefinite, 2, grid), identity).has_value());
  indefinite(8, 8) = std::nan("");
  EXPECT_FALSE(generalised_eigenvalues(distributed(indefinite, 2, grid), identity).has_value());
}

}  // namespace
}  // namespace attnewton
