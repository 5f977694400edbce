#include "attnewton/sketch/srht.hpp"

#include <gtest/gtest.h>

#include "attnewton/parallel/threads.hpp"

#include "explicit_sketch.hpp"
#include "support/gather.hpp"
#include "support/shared_rows.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

Matrix test_rows(Index rows, Index columns) {
  const Matrix a = RandomStream(1, RandomPurpose::inputs).normal_rows({0, rows}, columns);
  return a.unaryExpr([](double entry) { return entry > -0.3 ? entry : 0; });
}

// Blocks of 64 and more rows, some of them shared by ranks, against the matrix written out.
TEST(Srht, SumsSharesOfAnyNumberOfRanks) {
  const Index rows = 700;
  const Matrix a = test_rows(rows, 6);
  const Vector scale = RandomStream(2, RandomPurpose::inputs).normal_rows({0, rows}, 1).col(0);
  const auto comm = Communicator::world();
  const Index first_row = rows_of_rank(rows, comm.size(), comm.rank()).begin;
  for (const Index samples : {1, 30, 300, 1024}) {
    const Srht sketch(samples, rows, {.seed = 5, .iteration = 3});
    const Matrix expected = explicit_sketch(sketch) * scale.asDiagonal() * a;
    for (const Storage storage : {Storage::dense, Storage::sparse}) {
      DistributedMatrix sum(grid_of_test(), samples + 2, 6, 3);
      add_sketch(sketch, share_of(comm, a, storage), share_of(comm, scale), first_row, sum);
      const Matrix found = gather(sum);
      EXPECT_LE((found.topRows(samples) - expected).norm(), 1e-13 * expected.norm());
      EXPECT_EQ(found.bottomRows(2).norm(), 0);
      const Matrix part = sketch.product(share_of(Communicator::self(), a, storage), scale, 0, {2, 5});
      EXPECT_LE((part - expected.middleCols(2, 3)).norm(), 1e-13 * expected.norm());
    }
  }
}

// m = N takes every row once: an isometry.
TEST(Srht, IsAnIsometryWithAllRows) {
  const Matrix a = test_rows(50, 4);
  const Matrix product = Srht(64, 50, {.seed = 2}).product(a, Vector::Ones(50), 0);
  EXPECT_LE((product.transpose() * product - a.transpose() * a).norm(), 1e-13 * a.squaredNorm());
}

TEST(Srht, IsUnbiased) {
  for (const Index samples : {3, 5, 11}) {
    expect_unbiased(2000,
                    [&](std::uint64_t seed) { return explicit_sketch(Srht(samples, 13, {.seed = seed})); });
  }
}

// Fixed seed. Each of 16 rows is expected 500 times: within five standard deviations, which fails with odds
// below 1e-5; stratified samples lie each in its part.
TEST(Srht, SamplesUniformly) {
  const SampledHadamard sampled(8000, 16, RowChoice::independent, 1, {.seed = 9});
  Vector counts = Vector::Zero(16);
  for (Index r = 0; r < 8000; ++r) counts[sampled.sampled_row(r)] += 1;
  for (const double count : counts) EXPECT_NEAR(count, 500, 5 * std::sqrt(500.0));
  const Srht sketch(20, 1000, {.seed = 9});
  for (Index r = 0; r < 20; ++r) {
    EXPECT_GE(sketch.sampled_row(r), 1024 * r / 20);
    EXPECT_LE(sketch.sampled_row(r), 1024 * (r + 1) / 20);
  }
}

TEST(Srht, SeedsAndIterationsAndNumbersDrawAnew) {
  const auto s = [](const SketchDraws& draws) { return explicit_sketch(Srht(20, 60, draws)); };
  const Matrix first = s({1, 0, 0});
  EXPECT_EQ(s({1, 0, 0}), first);
  EXPECT_NE(s({2, 0, 0}), first);
  EXPECT_NE(s({1, 1, 0}), first);
  EXPECT_NE(s({1, 0, 1}), first);
}

TEST(Srht, GivesTheSameBitsForAnyNumberOfThreads) {
  const Matrix a = test_rows(9000, 20);
  const Vector scale = Vector::Constant(9000, 0.3);
  const Srht sketch(500, 9000, {.seed = 5});
  for (const RowMatrix& rows : {RowMatrix(a), RowMatrix(compress(a))}) {
    const Matrix with_two = sketch.product(rows, scale, 0);
    const ThreadLimit one(1);
    EXPECT_EQ(sketch.product(rows, scale, 0), with_two);
  }
}

}  // namespace
}  // namespace attnewton
