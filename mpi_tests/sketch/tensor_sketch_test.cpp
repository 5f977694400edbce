// TensorSRHT and TensorSparse against their matrices written out, over ranks and threads.
#include <gtest/gtest.h>

#include "attnewton/parallel/threads.hpp"

#include "explicit_sketch.hpp"
#include "support/shared_rows.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

constexpr Index n1 = 37;
constexpr Index n2 = 26;

Matrix inputs(Index rows, Index columns, std::uint64_t seed) {
  return RandomStream(seed, RandomPurpose::inputs).normal_rows({0, rows}, columns);
}

struct Factors {
  Matrix left = inputs(n1, 4, 1);
  Matrix right = inputs(n2, 3, 2);
  Vector left_scale = inputs(n1, 1, 3).col(0).cwiseAbs();
  Vector right_scale = inputs(n2, 1, 4).col(0).cwiseAbs();

  Matrix product() const {
    return kronecker(left_scale.asDiagonal() * left, right_scale.asDiagonal() * right);
  }
};

// Σ over ranks of what each makes of its rows.
template <class Sketch>
Matrix summed(const Sketch& sketch, const Matrix& a, const Vector& scale) {
  const auto comm = Communicator::world();
  const Range rows = rows_of_rank(a.rows(), comm.size(), comm.rank());
  Matrix sum =
      sketch.product(share_of(comm, a, Storage::dense), share_of(comm, scale), rows.begin, {0, a.cols()});
  comm.sum(sum);
  return sum;
}

TEST(TensorSrht, IsItsMatrixOnAnyNumberOfRanks) {
  const Factors factors;
  for (const Index rows : {1, 20, 300}) {
    const TensorSrht sketch(rows, n1, n2, {.seed = 7, .iteration = 1, .number = 3});
    const Matrix expected = explicit_sketch(sketch) * factors.product();
    const Matrix u = summed(sketch.left(), factors.left, factors.left_scale);
    const Matrix v = summed(sketch.right(), factors.right, factors.right_scale);
    Matrix found(rows, 12);
    for (Index r = 0; r < rows; ++r) found.row(r) = kronecker(u.row(r), v.row(r));
    EXPECT_LE((found - expected).norm(), 1e-13 * expected.norm());
  }
}

// Block sizes 1, odd, prime and even.
TEST(TensorSparse, IsItsMatrixOnAnyNumberOfRanks) {
  const Factors factors;
  for (const auto& [block_rows, blocks] :
       {std::pair<Index, Index>{1, 3}, {2, 2}, {15, 4}, {31, 1}, {64, 4}}) {
    const TensorSparse sketch(block_rows, blocks, {.seed = 7, .iteration = 1, .number = 3});
    const Matrix expected = explicit_sketch(sketch, n1, n2) * factors.product();
    const Matrix u = summed(sketch.left(), factors.left, factors.left_scale);
    const Matrix v = summed(sketch.right(), factors.right, factors.right_scale);
    EXPECT_LE((sketch.convolve(u, v, {0, 12}) - expected).norm(), 1e-13 * expected.norm());
    for (const Range columns : {Range{2, 3}, Range{4, 11}, Range{5, 5}}) {
      const Matrix part = sketch.convolve(u, v, columns);
      EXPECT_LE((part - expected.middleCols(columns.begin, columns.size())).norm(), 1e-13 * expected.norm());
    }
  }
}

// The Gram matrix from spectra alone, in the form that TensorSparse states.
TEST(TensorSparse, SpectraGiveTheGramMatrix) {
  const Factors factors;
  for (const auto& [block_rows, blocks] :
       {std::pair<Index, Index>{1, 3}, {2, 2}, {15, 4}, {31, 1}, {64, 4}}) {
    const TensorSparse sketch(block_rows, blocks, {.seed = 8});
    const Matrix sketched = explicit_sketch(sketch, n1, n2) * factors.product();
    const Matrix expected = sketched.transpose() * sketched;
    const Matrix u = sketch.left_spectrum(summed(sketch.left(), factors.left, factors.left_scale));
    const Matrix v = sketch.right_spectrum(summed(sketch.right(), factors.right, factors.right_scale));
    ASSERT_EQ(u.rows(), sketch.spectrum_rows());
    ASSERT_EQ(v.rows(), sketch.spectrum_rows());
    Matrix found = Matrix::Zero(12, 12);
    for (Index f = 0; f < u.rows(); ++f) {
      const Vector ur = u.row(f).head(4);
      const Vector ui = u.row(f).tail(4);
      const Vector vr = v.row(f).head(3);
      const Vector vi = v.row(f).tail(3);
      found +=
          kronecker(ur * ur.transpose() + ui * ui.transpose(), vr * vr.transpose() + vi * vi.transpose());
      found -=
          kronecker(ur * ui.transpose() - ui * ur.transpose(), vr * vi.transpose() - vi * vr.transpose());
    }
    EXPECT_LE((found - expected).norm(), 1e-13 * expected.norm());
  }
}

TEST(TensorSketches, AreUnbiased) {
  expect_unbiased(4000,
                  [](std::uint64_t seed) { return explicit_sketch(TensorSrht(7, 3, 5, {.seed = seed})); });
  for (const Index blocks : {1, 3}) {
    expect_unbiased(4000, [blocks](std::uint64_t seed) {
      return explicit_sketch(TensorSparse(6, blocks, {.seed = seed}), 3, 5);
    });
  }
}

TEST(TensorSketches, SeedsAndIterationsAndNumbersDrawAnew) {
  const auto srht = [](const SketchDraws& draws) { return explicit_sketch(TensorSrht(20, 9, 9, draws)); };
  const auto sparse = [](const SketchDraws& draws) {
    return explicit_sketch(TensorSparse(5, 4, draws), 9, 9);
  };
  for (const SketchDraws& other : {SketchDraws{2, 0, 0}, SketchDraws{1, 1, 0}, SketchDraws{1, 0, 1}}) {
    EXPECT_NE(srht(other), srht({1, 0, 0}));
    EXPECT_NE(sparse(other), sparse({1, 0, 0}));
  }
  const TensorSparse of_equal_sizes(5, 4, {1, 0, 0});
  EXPECT_NE(explicit_sketch(of_equal_sizes.left(), 9), explicit_sketch(of_equal_sizes.right(), 9));
  const TensorSrht of_equal_rows(20, 9, 9, {1, 0, 0});
  EXPECT_NE(explicit_rows(of_equal_rows.left()), explicit_rows(of_equal_rows.right()));
}

TEST(TensorSparse, GivesTheSameBitsForAnyNumberOfThreads) {
  const TensorSparse sketch(500, 4, {.seed = 5});
  const Matrix u = inputs(2000, 11, 6);
  const Matrix v = inputs(2000, 9, 7);
  const Matrix with_two = sketch.convolve(u, v, {3, 90});
  const Matrix spectrum = sketch.left_spectrum(u);
  const ThreadLimit one(1);
  EXPECT_EQ(sketch.convolve(u, v, {3, 90}), with_two);
  EXPECT_EQ(sketch.left_spectrum(u), spectrum);
}

}  // namespace
}  // namespace attnewton
