#include "attnewton/linalg/row_partition.hpp"

#include <numeric>

#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"

namespace attnewton {
namespace {

std::vector<Index> cuts_of(const RowPartition& partition) {
  std::vector<Index> cuts{0};
  for (int r = 0; r < partition.ranks(); ++r) cuts.push_back(partition.range(r).end);
  return cuts;
}

TEST(RowPartition, CoversAllRowsOnceAndFindsOwners) {
  for (const Index rows : {0, 1, 7, 64, 1009}) {
    for (const int ranks : {1, 2, 3, 7, 20}) {
      const RowPartition partition =
          partition_by_work(std::vector<double>(static_cast<std::size_t>(rows), 1.0), ranks, {});
      ASSERT_EQ(partition.ranks(), ranks);
      ASSERT_EQ(partition.rows(), rows);
      Index next = 0;
      for (int r = 0; r < ranks; ++r) {
        const Range range = partition.range(r);
        ASSERT_EQ(range.begin, next);
        ASSERT_LE(range.size(), rows / ranks + 1);
        for (Index row = range.begin; row < range.end; ++row) ASSERT_EQ(partition.owner(row), r);
        next = range.end;
      }
      ASSERT_EQ(next, rows);
    }
  }
}

TEST(RowPartition, BalancesUnequalRows) {
  std::vector<double> work(1000);
  std::iota(work.begin(), work.end(), 1.0);  // a causal mask's rows
  const RowPartition partition = partition_by_work(work, 4, {});
  const double fair = 1000.0 * 1001 / 2 / 4;
  for (int r = 0; r < 4; ++r) {
    double sum = 0;
    for (Index row = partition.range(r).begin; row < partition.range(r).end; ++row)
      sum += work[static_cast<std::size_t>(row)];
    EXPECT_NEAR(sum, fair, 0.01 * fair);
  }
}

TEST(RowPartition, CutsAtSequenceStartsWhenTheyAreNear) {
  const std::vector<double> work(100, 1.0);
  const std::vector<Index> starts{0, 48, 90};
  EXPECT_EQ(cuts_of(partition_by_work(work, 2, {.preferred = starts})), (std::vector<Index>{0, 48, 100}));
  const std::vector<Index> not_near_starts{0, 45, 90};
  EXPECT_EQ(cuts_of(partition_by_work(work, 2, {.preferred = not_near_starts})),
            (std::vector<Index>{0, 50, 100}));
  const std::vector<Index> far_starts{0, 20, 90};
  EXPECT_EQ(cuts_of(partition_by_work(work, 2, {.preferred = far_starts})), (std::vector<Index>{0, 50, 100}));
}

TEST(RowPartition, CutsInsideSequencesAtMultiplesOfTheGranule) {
  const std::vector<double> work(100, 1.0);
  const std::vector<Index> starts{0, 20};
  const auto cuts = cuts_of(partition_by_work(work, 3, {.preferred = starts, .tolerance = 0, .granule = 16}));
  for (std::size_t c = 1; c + 1 < cuts.size(); ++c) {
    EXPECT_TRUE(cuts[c] == 16 || (cuts[c] - 20) % 16 == 0) << cuts[c];
  }
}

TEST(RowPartition, RefusesFallingCuts) {
  EXPECT_THROW(RowPartition({0, 5, 3}), InternalError);
  EXPECT_THROW(RowPartition({1, 5}), InternalError);
  EXPECT_THROW(RowPartition({0, 5}).owner(5), InternalError);
}

}  // namespace
}  // namespace attnewton
