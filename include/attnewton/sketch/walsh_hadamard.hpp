// The Walsh–Hadamard transform of the columns of a tall matrix.
#pragma once

#include "attnewton/core/types.hpp"

namespace attnewton {

/// Entry (i, j) of Hadamard's matrix H of any order 2^k in Sylvester's arrangement: (−1)^(bits that i and j
/// share), so that HHᵀ = 2^k I. Local, O(1).
double hadamard_sign(Index i, Index j);

/// The least power of two that is not below `count` ≥ 1. Local.
Index hadamard_order(Index count);

/// A ← H A of A (N × d), N a power of two: throws InternalError if it is not. In place, N d log₂ N additions
/// on TBB's threads, the same bits for any number of them. Pieces of A that fit the second-level cache are
/// transformed to their end there, so that A goes through memory once for every some 9 of the log₂ N steps;
/// scratch a piece a thread.
void walsh_hadamard(Matrix& a);

}  // namespace attnewton
