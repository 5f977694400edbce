// Blocks of lanes, arrays in lanes layout, operands.
#include "attnewton/kernels/lane_layout.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include <gtest/gtest.h>

#include "attnewton/kernels/operand.hpp"

namespace attnewton {
namespace {

void expect_blocks(Index rows, Index lanes, Index most_vectors) {
  SCOPED_TRACE(testing::Message() << rows << " rows, " << lanes << " lanes, " << most_vectors << " vectors");
  const std::vector<LaneBlock> blocks = lane_blocks(rows, lanes, most_vectors);
  const Index most = lanes * most_vectors;
  EXPECT_EQ(static_cast<Index>(blocks.size()), (rows + most - 1) / most) << "as few as they need";
  Index row = 0;
  Index lane = 0;
  Index widest = 0;
  Index narrowest = most_vectors;
  for (const LaneBlock& block : blocks) {
    EXPECT_EQ(block.first_row, row) << "every row is in one block";
    EXPECT_EQ(block.first_lane, lane);
    EXPECT_EQ(block.width, block.vectors * lanes);
    EXPECT_GE(block.rows, 1);
    EXPECT_LE(block.rows, block.width);
    EXPECT_GT(block.rows, block.width - lanes) << "no vector without a row";
    row += block.rows;
    lane += block.width;
    widest = std::max(widest, block.vectors);
    narrowest = std::min(narrowest, block.vectors);
  }
  EXPECT_EQ(row, rows);
  EXPECT_EQ(lane, total_lanes(blocks));
  EXPECT_LE(widest, most_vectors);
  EXPECT_LE(widest - narrowest, 1);
  EXPECT_EQ(blocks.front().vectors, widest) << "scratch for the first is enough for each";
}

TEST(LaneBlocks, HoldEveryRowOnceInNearlyEqualWidths) {
  for (const Index lanes : {2, 4, 8, 16}) {
    for (const Index most_vectors : {1, 2, 4}) {
      for (Index rows = 1; rows <= 200; ++rows) expect_blocks(rows, lanes, most_vectors);
    }
  }
}

TEST(LaneArray, GivesEveryEntryAPlaceOfItsOwn) {
  const std::vector<LaneBlock> blocks = lane_blocks(75, 8, 4);
  std::vector<int> places(static_cast<std::size_t>(5 * total_lanes(blocks)), 0);
  const LaneArray<int> array(places.data(), 5);
  for (const LaneBlock& block : blocks) {
    for (Index r = 0; r < array.rows(); ++r) {
      for (Index i = 0; i < block.width; ++i) ++array.of(block, r)[i];
    }
    EXPECT_EQ(array.of(block, 3), array.of(block) + 3 * block.width);
  }
  EXPECT_EQ(places, std::vector<int>(places.size(), 1));
  EXPECT_TRUE(static_cast<bool>(array));
  EXPECT_FALSE(static_cast<bool>(LaneArray<int>()));
}

TEST(Operand, IsAViewInDouble) {
  const Matrix a = Matrix::Random(7, 3);
  const Operand<double> operand(a);
  EXPECT_EQ(operand.columns(), 3);
  for (Index i = 0; i < 7; ++i) EXPECT_EQ(operand.row(i), a.row(i).data());
}

TEST(Operand, IsARoundedCopyInFloatAndStaysValidWhenMoved) {
  const Matrix a = Matrix::Random(7, 3);
  Operand<float> first(a);
  Operand<float> operand;
  operand = std::move(first);
  const Operand<float> last(std::move(operand));
  EXPECT_EQ(last.columns(), 3);
  for (Index i = 0; i < 7; ++i) {
    for (Index c = 0; c < 3; ++c) EXPECT_EQ(last.row(i)[c], static_cast<float>(a(i, c)));
  }
}

}  // namespace
}  // namespace attnewton
