#include "attnewton/linalg/block_cyclic_layout.hpp"

#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"

namespace attnewton {
namespace {

// Against the definition, index by index: blocks dealt to processes in turn.
TEST(CyclicDimension, AgreesWithDealingOutBlockByBlock) {
  for (const Index length : {0, 1, 5, 64, 131}) {
    for (const Index block : {1, 3, 64}) {
      for (const int processes : {1, 2, 5}) {
        const CyclicDimension dimension(length, block, processes);
        std::vector<Index> dealt(static_cast<std::size_t>(processes), 0);
        for (Index i = 0; i < length; ++i) {
          const int owner = static_cast<int>((i / block) % processes);
          ASSERT_EQ(dimension.owner(i), owner);
          for (int p = 0; p < processes; ++p) {
            ASSERT_EQ(dimension.count_below(i, p), dealt[static_cast<std::size_t>(p)]);
          }
          ASSERT_EQ(dimension.local(i), dealt[static_cast<std::size_t>(owner)]++);
          ASSERT_EQ(dimension.global(dimension.local(i), owner), i);
        }
        for (int p = 0; p < processes; ++p) {
          ASSERT_EQ(dimension.count_below(length, p), dealt[static_cast<std::size_t>(p)]);
        }
      }
    }
  }
}

TEST(GridShape, IsTheMostNearlySquare) {
  EXPECT_EQ(GridShape::nearly_square(1), (GridShape{1, 1}));
  EXPECT_EQ(GridShape::nearly_square(6), (GridShape{2, 3}));
  EXPECT_EQ(GridShape::nearly_square(7), (GridShape{1, 7}));
  EXPECT_EQ(GridShape::nearly_square(36), (GridShape{6, 6}));
  const GridShape shape{2, 3};
  EXPECT_EQ(shape.row_of(4), 1);
  EXPECT_EQ(shape.column_of(4), 1);
}

TEST(CyclicDimension, RefusesNonsense) {
  EXPECT_THROW(CyclicDimension(5, 0, 1), InternalError);
}

}  // namespace
}  // namespace attnewton
