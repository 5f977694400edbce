// CountSketch and OSNAP: sparse oblivious subspace embeddings (MATHEMATICS §6).
#pragma once

#include <cstdint>

#include "attnewton/linalg/distributed_matrix.hpp"
#include "attnewton/linalg/row_matrix.hpp"
#include "attnewton/random/stream.hpp"

namespace attnewton {

/// S ∈ R^{m×n} for any n: `blocks` blocks of `block_rows` rows each, m their product. Each column has one
/// entry ±1/√blocks in each block, at a random row. OSNAP's block construction (Nelson and Nguyễn,
/// arXiv 1211.1002); CountSketch with one block. Column i is drawn by seed, iteration, number and i alone:
/// sketches of different numbers are independent. An MPI-free value.
class CountSketch {
 public:
  CountSketch(Index block_rows, Index blocks, std::uint64_t seed, Index iteration, Index number = 0);

  Index rows() const { return block_rows_ * blocks_; }
  Index block_rows() const { return block_rows_; }
  Index blocks() const { return blocks_; }

  struct Entry {
    Index row;     ///< within its block
    double value;  ///< 1/√blocks or −1/√blocks
  };
  /// The entry of column `column` in a block. Local, O(1).
  Entry entry(Index column, Index block) const;

  /// Columns `columns` of S diag(scale) A for the local rows of A, the first of which is row `first_row` of
  /// all: m × columns.size(). `scale` has an entry a local row. Local, 2·blocks·entries flops and
  /// O(blocks·n_local) on at most `blocks` of TBB's threads; the same bits for any number of them.
  Matrix product(const RowMatrix& a, const Vector& scale, Index first_row, Range columns) const;

 private:
  RandomStream stream_;
  Index block_rows_;
  Index blocks_;
  Index first_address_;
};

/// Adds S diag(scale) A, summed over ranks, to the first rows of `sum` (at least S's rows, d columns).
/// Collective on the grid of `sum`; 2·blocks·entries flops, memory some panels of 32 MiB.
void add_sketch(const CountSketch& sketch, const RowMatrix& a, const Vector& scale, Index first_row,
                DistributedMatrix& sum);

}  // namespace attnewton
