// Extreme eigenvalues, all computed and by Lanczos, of matrices whose spectrum is known.
#include "attnewton/linalg/symmetric_spectrum.hpp"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"

namespace attnewton {
namespace {

constexpr SpectrumOptions gathered{};
constexpr SpectrumOptions direct{.largest_gathered = 0};
constexpr SpectrumOptions by_lanczos{.largest_direct = 0};

double entry(Index i) {
  return std::sin(static_cast<double>(3 * i + 1));
}

Vector vector_of(Index n) {
  Vector u(n);
  for (Index i = 0; i < n; ++i) u[i] = entry(i * i + 2 * i);
  return u;
}

// The lower triangle of Q diag(λ) Qᵀ, Q a reflection; nonsense above it.
DistributedMatrix matrix_of(const Vector& eigenvalues, Index block) {
  const Index n = eigenvalues.size();
  const Vector u = vector_of(n).normalized();
  const Matrix q = Matrix::Identity(n, n) - 2 * u * u.transpose();
  const Matrix whole = q * eigenvalues.asDiagonal() * q.transpose();
  DistributedMatrix matrix(std::make_shared<ProcessGrid>(Communicator::world()), n, n, block);
  for (Index j = 0; j < matrix.local().cols(); ++j) {
    for (Index i = 0; i < matrix.local().rows(); ++i) {
      const Index row = matrix.global_row(i);
      const Index column = matrix.global_column(j);
      matrix.local()(i, j) = row >= column ? whole(row, column) : 77;
    }
  }
  return matrix;
}

Vector spread_eigenvalues(Index n) {
  Vector eigenvalues = Vector::LinSpaced(n, 0.5, 8);
  if (n > 1) eigenvalues[n / 2] = -3;
  return eigenvalues;
}

TEST(SymmetricSpectrum, FindsBothEndsOfKnownSpectra) {
  for (const Index n : {1, 2, 5, 61, 150}) {
    const Vector expected = spread_eigenvalues(n);
    for (const Index block : {2, 64}) {
      for (const auto& options : {gathered, direct, by_lanczos}) {
        SCOPED_TRACE(testing::Message() << n << " unknowns, block " << block << ", "
                                        << options.largest_gathered << ", " << options.largest_direct);
        const ExtremeEigenvalues found =
            extreme_eigenvalues(matrix_of(expected, block), vector_of(n), options);
        EXPECT_TRUE(found.is_converged);
        EXPECT_EQ(found.is_direct, options.largest_direct > 0);
        EXPECT_NEAR(found.smallest, expected.minCoeff(), found.smallest_error + 1e-12);
        EXPECT_NEAR(found.largest, expected.maxCoeff(), found.largest_error + 1e-12);
        EXPECT_LE(std::max(found.smallest_error, found.largest_error), 1e-8 * 8);
      }
    }
  }
}

TEST(SymmetricSpectrum, LanczosSaysWhatItHasNotReached) {
  const Vector expected = Vector::LinSpaced(200, -1, 1);
  const DistributedMatrix matrix = matrix_of(expected, 16);
  double before = 1e300;
  for (const Index steps : {2, 6, 12, 24}) {
    const ExtremeEigenvalues found = extreme_eigenvalues(
        matrix, vector_of(200), {.largest_direct = 0, .lanczos = {.tolerance = 1e-12, .most_steps = steps}});
    EXPECT_FALSE(found.is_converged);
    EXPECT_EQ(found.steps, steps);
    // Inside the spectrum, nearer to its ends with every step, with an eigenvalue within the error.
    EXPECT_GE(found.smallest, -1 - 1e-12);
    EXPECT_LE(found.largest, 1 + 1e-12);
    EXPECT_LE((expected.array() - found.smallest).abs().minCoeff(), found.smallest_error);
    EXPECT_LE((expected.array() - found.largest).abs().minCoeff(), found.largest_error);
    EXPECT_LE(found.smallest, before);
    before = found.smallest;
  }
}

TEST(SymmetricSpectrum, LanczosEndsWithAnInvariantSubspace) {
  const ExtremeEigenvalues found =
      extreme_eigenvalues(matrix_of(Vector::Constant(20, 2.5), 4), vector_of(20), by_lanczos);
  EXPECT_EQ(found.steps, 1);
  EXPECT_TRUE(found.is_converged);
  EXPECT_NEAR(found.smallest, 2.5, 1e-13);
  EXPECT_NEAR(found.largest, 2.5, 1e-13);
  const ExtremeEigenvalues zero =
      extreme_eigenvalues(matrix_of(Vector::Zero(9), 4), vector_of(9), by_lanczos);
  EXPECT_EQ(zero.norm(), 0);
  EXPECT_TRUE(zero.is_converged);
}

TEST(SymmetricSpectrum, RefusesWhatIsNotFinite) {
  DistributedMatrix matrix = matrix_of(spread_eigenvalues(30), 4);
  if (Communicator::world().rank() == Communicator::world().size() - 1 && matrix.local().size() > 0)
    matrix.local()(matrix.local().rows() - 1, 0) = std::nan("");
  EXPECT_THROW(extreme_eigenvalues(matrix, vector_of(30), gathered), NumericalError);
  EXPECT_THROW(extreme_eigenvalues(matrix, vector_of(30), direct), NumericalError);
  EXPECT_THROW(extreme_eigenvalues(matrix, vector_of(30), by_lanczos), NumericalError);
}

TEST(SymmetricSpectrum, OperatorsThatOverflowAreRefused) {
  const auto overflow = [](const Vector& v) { return Vector(v * INFINITY); };
  EXPECT_THROW(extreme_eigenvalues_by_lanczos(Communicator::world(), overflow, vector_of(4), {}),
               NumericalError);
}

TEST(SymmetricSpectrum, AllEigenvaluesOfALocalMatrixAreTheKnownOnes) {
  for (const Index n : {1, 2, 61}) {
    Vector expected = spread_eigenvalues(n);
    const Vector u = vector_of(n).normalized();
    const Matrix q = Matrix::Identity(n, n) - 2 * u * u.transpose();
    Matrix symmetric = q * expected.asDiagonal() * q.transpose();
    symmetric.triangularView<Eigen::StrictlyUpper>().setConstant(77);
    std::sort(expected.begin(), expected.end());
    EXPECT_LE((all_eigenvalues(symmetric) - expected).norm(), 1e-12);
  }
  EXPECT_THROW(all_eigenvalues(Matrix::Constant(2, 2, std::nan(""))), NumericalError);
}

}  // namespace
}  // namespace attnewton
