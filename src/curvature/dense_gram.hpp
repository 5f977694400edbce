// Blocks of Aᵀ diag(weights) A of dense rows: packed in the cache, multiplied on the tile kernels. Internal
// to this module.
#pragma once

#include <vector>

#include "attnewton/core/types.hpp"

namespace attnewton {

/// A block of the Gram matrix, of which the entries on and below the diagonal are wanted.
struct LowerBlock {
  Range rows;
  Range columns;
};

/// Side of the blocks that a Gram matrix of order `order` is cut into: of nearly equal ones that are small
/// enough for their sums to stay in the second-level cache.
Index gram_block_side(Index order);

/// The blocks of that side that hold the lower triangle of rows `rows` of a Gram matrix of order `order`.
std::vector<LowerBlock> lower_blocks(Range rows, Index order);

/// Entry (i, j) of the block, j not above the diagonal, = Σ of weight · a(·, i) a(·, j) over the rows
/// `summed` of A; what stands above the diagonal is of no use. Local, one thread, callable in a TBB task; a
/// row of A is read from memory once, ahead of its use.
Matrix gram_block(const Matrix& a, const Vector& weights, Range summed, const LowerBlock& block);

}  // namespace attnewton
