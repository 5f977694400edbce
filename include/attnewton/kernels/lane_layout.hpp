// Query rows as lanes: the blocks that a tile's rows fall into, and arrays in lanes layout.
#pragma once

#include <vector>

#include "attnewton/core/types.hpp"

namespace attnewton {

/// Consecutive query rows of a tile that fill the lanes of some vector registers.
struct LaneBlock {
  Index first_row = 0;   ///< in the tile
  Index rows = 0;        ///< lanes in use, the first ones
  Index vectors = 0;     ///< vector registers
  Index width = 0;       ///< lanes: vectors times those of a register
  Index first_lane = 0;  ///< lanes of the blocks before
};

/// `rows` > 0 rows in as few blocks of at most `most_vectors` registers of `lanes` as they need, of nearly
/// equal widths.
std::vector<LaneBlock> lane_blocks(Index rows, Index lanes, Index most_vectors);

/// Lanes of all the blocks together.
inline Index total_lanes(const std::vector<LaneBlock>& blocks) {
  return blocks.back().first_lane + blocks.back().width;
}

/// For every block of a tile a (rows × width) matrix in lanes layout, block after block.
template <class Real>
class LaneArray {
 public:
  LaneArray() = default;
  LaneArray(Real* data, Index rows) : data_(data), rows_(rows) {}

  /// The block's lanes, from its row `row` on.
  Real* of(const LaneBlock& block, Index row = 0) const {
    return data_ + rows_ * block.first_lane + row * block.width;
  }
  Index rows() const { return rows_; }
  explicit operator bool() const { return data_ != nullptr; }

 private:
  Real* data_ = nullptr;
  Index rows_ = 0;
};

}  // namespace attnewton
