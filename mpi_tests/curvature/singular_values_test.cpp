// Extreme singular values of rows that are spread over ranks against dense ones.
#include "attnewton/curvature/singular_values.hpp"

#include <gtest/gtest.h>

#include "attnewton/curvature/gram_assembly.hpp"
#include "attnewton/random/stream.hpp"

#include "support/dense_spectrum.hpp"
#include "support/gather.hpp"
#include "support/whole_regression.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

std::shared_ptr<const ProcessGrid> grid_of_test() {
  return std::make_shared<ProcessGrid>(Communicator::world());
}

RowMatrix share_of(const Matrix& whole, Storage storage) {
  const auto comm = Communicator::world();
  const Range rows = rows_of_rank(whole.rows(), comm.size(), comm.rank());
  Matrix share = whole.middleRows(rows.begin, rows.size());
  return storage == Storage::sparse ? RowMatrix(compress(share)) : RowMatrix(std::move(share));
}

Matrix random_rows(Index rows, Index columns) {
  Matrix a = RandomStream(3, RandomPurpose::inputs).normal_rows({0, rows}, columns);
  for (Index i = 0; i < rows; ++i) a(i, (7 * i) % columns) = 0;
  return a;
}

constexpr SpectrumOptions direct{};
constexpr SpectrumOptions by_lanczos{.largest_direct = 0, .lanczos = {.tolerance = 1e-12}};

TEST(SingularValues, AgreeWithDenseOnes) {
  for (const auto& [rows, columns] : {std::pair<Index, Index>{40, 1}, {40, 6}, {300, 90}}) {
    const Matrix a = random_rows(rows, columns);
    const Vector expected = singular_values_of(a);
    for (const Storage storage : {Storage::dense, Storage::sparse}) {
      for (const auto& options : {direct, by_lanczos}) {
        const SingularValues found = singular_values(grid_of_test(), share_of(a, storage), options);
        EXPECT_NEAR(found.largest, expected[0], 1e-10 * expected[0]);
        EXPECT_NEAR(found.smallest, expected[columns - 1], 1e-9 * expected[0]);
        EXPECT_EQ(found.gram.is_direct, options.largest_direct > 0);
      }
    }
  }
}

TEST(SingularValues, WhatSquaringLosesCountsAsZero) {
  Matrix a = random_rows(50, 4);
  a.col(3) = a.col(0) + 1e-3 * a.col(3);
  EXPECT_GT(singular_values(grid_of_test(), share_of(a, Storage::dense), direct).smallest, 0);
  a.col(3) = 2 * a.col(0);
  const SingularValues deficient = singular_values(grid_of_test(), share_of(a, Storage::dense), direct);
  EXPECT_EQ(deficient.smallest, 0);
  EXPECT_NEAR(deficient.largest, singular_values_of(a)[0], 1e-12 * deficient.largest);
  const SingularValues wide =
      singular_values(grid_of_test(), share_of(random_rows(3, 5), Storage::dense), direct);
  EXPECT_EQ(wide.smallest, 0) << "fewer rows than columns";
}

TEST(GramAssembly, AddsTheWeightedGramMatrix) {
  const Matrix a = random_rows(60, 7);
  Vector weights = Vector::LinSpaced(60, -1, 2);
  const auto comm = Communicator::world();
  const Range rows = rows_of_rank(60, comm.size(), comm.rank());
  const RowMatrix share = share_of(a, Storage::dense);
  DistributedMatrix gram(std::make_shared<ProcessGrid>(comm), 7, 7, 2);
  gram.add_to_diagonal(1, 7);
  const Vector local = weights.segment(rows.begin, rows.size());
  add_weighted_grams({{WeightedGram(share), local}}, gram);
  const Matrix expected = a.transpose() * weights.asDiagonal() * a + Matrix(Matrix::Identity(7, 7));
  EXPECT_LE((gather_symmetric(gram) - expected).cwiseAbs().maxCoeff(), 1e-11);
}

}  // namespace
}  // namespace attnewton
