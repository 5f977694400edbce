// The nearest Kronecker product against a dense singular value decomposition, solves against dense matrices.
#include "attnewton/linalg/kronecker_product.hpp"

#include <array>
#include <limits>

#include <Eigen/LU>
#include <Eigen/SVD>
#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"
#include "attnewton/random/stream.hpp"

#include "support/dense_kronecker.hpp"

namespace attnewton {
namespace {

using testing_support::kronecker;

// G Gᵀ of a width × columns normal G: positive semidefinite, of that rank.
Matrix random_gram(std::uint64_t seed, Index width, Index columns) {
  const Matrix g = RandomStream(seed, RandomPurpose::inputs).normal_rows({0, width}, columns);
  return g * g.transpose();
}

struct Terms {
  std::vector<Matrix> lefts;
  std::vector<Matrix> rights;
};

Terms random_terms(std::uint64_t seed, Index count, Index left_width, Index right_width) {
  Terms terms;
  for (Index s = 0; s < count; ++s) {
    terms.lefts.push_back(random_gram(seed + 2 * static_cast<std::uint64_t>(s), left_width, 1 + s % 3));
    terms.rights.push_back(random_gram(seed + 2 * static_cast<std::uint64_t>(s) + 1, right_width, 2));
  }
  return terms;
}

// The terms dealt to the ranks in turn.
KroneckerTerms share_of(const Communicator& comm, const Terms& all, Index left_width, Index right_width) {
  std::vector<std::size_t> mine;
  for (std::size_t s = 0; s < all.lefts.size(); ++s) {
    if (static_cast<int>(s) % comm.size() == comm.rank()) mine.push_back(s);
  }
  const Index count = static_cast<Index>(mine.size());
  KroneckerTerms terms{Matrix(count, packed_size(left_width)), Matrix(count, packed_size(right_width))};
  for (Index i = 0; i < count; ++i) {
    pack_symmetric(all.lefts[mine[static_cast<std::size_t>(i)]], terms.lefts.row(i).data());
    pack_symmetric(all.rights[mine[static_cast<std::size_t>(i)]], terms.rights.row(i).data());
  }
  return terms;
}

TEST(NearestKroneckerProduct, IsTheLargestSingularPairOfTheRearrangedSum) {
  const auto comm = Communicator::world();
  using Sizes = std::array<Index, 3>;
  for (const auto& [count, p, q] : {Sizes{1, 3, 2}, {7, 2, 4}, {5, 4, 4}, {2, 1, 5}}) {
    SCOPED_TRACE(count);
    const Terms all = random_terms(100, count, p, q);
    Eigen::MatrixXd rearranged = Eigen::MatrixXd::Zero(p * p, q * q);
    for (std::size_t s = 0; s < all.lefts.size(); ++s)
      rearranged += Eigen::Map<const Vector>(all.lefts[s].data(), p * p) *
                    Eigen::Map<const Vector>(all.rights[s].data(), q * q).transpose();
    const Eigen::JacobiSVD<Eigen::MatrixXd> svd(rearranged, Eigen::ComputeThinU | Eigen::ComputeThinV);
    const Vector u = svd.matrixU().col(0);
    const Vector v = svd.singularValues()[0] * svd.matrixV().col(0);
    const Matrix expected = kronecker(ConstMatrixView(u.data(), p, p), ConstMatrixView(v.data(), q, q));
    // One group, and two of which the second has each rank's share again: twice the sum.
    const KroneckerTerms mine = share_of(comm, all, p, q);
    const KroneckerProduct once = nearest_kronecker_product(comm, {mine}, p, q);
    const KroneckerProduct twice = nearest_kronecker_product(comm, {mine, mine}, p, q);
    EXPECT_LE((kronecker(once.left, once.right) - expected).norm(), 1e-7 * expected.norm());
    EXPECT_LE((kronecker(twice.left, twice.right) - 2 * expected).norm(), 2e-7 * expected.norm());
    EXPECT_NEAR(once.left.norm(), 1, 1e-12);
  }
}

TEST(NearestKroneckerProduct, OfNothingIsNothing) {
  const auto comm = Communicator::world();
  const KroneckerProduct none =
      nearest_kronecker_product(comm, {{Matrix(0, packed_size(2)), Matrix(0, packed_size(3))}}, 2, 3);
  EXPECT_EQ(none.left, Matrix::Zero(2, 2));
  EXPECT_EQ(none.right, Matrix::Zero(3, 3));
}

TEST(KroneckerSpectrum, SolvesAsTheDenseMatrixDoes) {
  const auto comm = Communicator::world();
  const KroneckerProduct product{random_gram(1, 3, 2), random_gram(2, 5, 7)};
  const Matrix dense = kronecker(product.left, product.right);
  const KroneckerSpectrum spectrum(comm, product);
  EXPECT_NEAR(spectrum.smallest(), 0, 1e-12);  // the left factor has rank 2
  const Matrix r = RandomStream(3, RandomPurpose::inputs).normal_rows({0, 3}, 5);
  for (const double shift : {1e-3, 1.0, 50.0}) {
    const Matrix solution = spectrum.solve(shift, r);
    const Vector vec = Eigen::Map<const Vector>(solution.data(), 15);
    EXPECT_LE((dense * vec + shift * vec - Eigen::Map<const Vector>(r.data(), 15)).norm(), 1e-10 * r.norm());
  }
}

TEST(KroneckerSpectrum, RefusesWhatIsNotFinite) {
  KroneckerProduct product{Matrix::Identity(2, 2), Matrix::Identity(2, 2)};
  product.right(1, 0) = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(KroneckerSpectrum(Communicator::world(), product), NumericalError);
}

}  // namespace
}  // namespace attnewton
