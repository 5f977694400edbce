#include "attnewton/linalg/block_cyclic_layout.hpp"

#include <algorithm>
#include <cmath>

#include "attnewton/core/error.hpp"

namespace attnewton {

CyclicDimension::CyclicDimension(Index length, Index block, int processes)
    : length_(length), block_(block), processes_(processes) {
  require(length >= 0 && block > 0 && processes > 0,
          "CyclicDimension: length >= 0, block > 0, processes > 0");
}

Index CyclicDimension::count_below(Index global, int process) const {
  const Index whole_blocks = global / block_;
  const Index rounds = whole_blocks / processes_;
  const Index in_last_round = whole_blocks % processes_;
  Index count = rounds * block_;
  if (process < in_last_round) count += block_;
  if (process == in_last_round) count += global % block_;
  return count;
}

GridShape GridShape::nearly_square(int ranks) {
  int rows = std::max(1, static_cast<int>(std::sqrt(static_cast<double>(ranks))));
  while (ranks % rows != 0) --rows;
  return {rows, ranks / rows};
}

}  // namespace attnewton
