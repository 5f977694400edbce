#include "attnewton/kernels/lane_layout.hpp"

#include <algorithm>

namespace attnewton {
std::vector<LaneBlock> lane_blocks(Index rows, Index lanes, Index most_vectors) {
  const Index vectors = (rows + lanes - 1) / lanes;
  const Index count = (vectors + most_vectors - 1) / most_vectors;
  std::vector<LaneBlock> blocks(static_cast<std::size_t>(count));
  Index first_vector = 0;
  for (Index b = 0; b < count; ++b) {
    LaneBlock& block = blocks[static_cast<std::size_t>(b)];
    block.vectors = vectors / count + (b < vectors % count ? 1 : 0);
    block.width = block.vectors * lanes;
    block.first_lane = first_vector * lanes;
    block.first_row = block.first_lane;
    block.rows = std::min(block.width, rows - block.first_row);
    first_vector += block.vectors;
  }
  return blocks;
}

}  // namespace attnewton
