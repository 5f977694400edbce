// One rank's share of an attention problem: its query rows, and the keys and values of the sequences they lie
// in.
#pragma once

#include <span>
#include <vector>

#include "attnewton/linalg/row_partition.hpp"

namespace attnewton {

/// Rows of one sequence in the whole problem.
struct SequenceRows {
  Range queries;  ///< rows of A₁ and B
  Range keys;     ///< rows of A₂ and A₃
};

/// Sequences from offsets (the first row of each and, last, the number of rows): the queries' and the keys'
/// alike. Throws UsageError if their numbers differ.
std::vector<SequenceRows> sequences_from_offsets(std::span<const Index> query_offsets,
                                                 std::span<const Index> key_offsets);

/// A sequence, or the part of it, whose queries lie on this rank.
struct LocalSequence {
  Range queries;             ///< rows of the local A₁ and B
  Range keys;                ///< rows of the local A₂ and A₃: always the whole sequence
  Index first_position = 0;  ///< position in the sequence of the first local query
  bool owns_keys = false;    ///< this rank speaks for the sequence's keys in sums over key rows
};

/// min ½‖softmax(scale A₁XA₂ᵀ)A₃Y − B‖² (MATHEMATICS §1): the inputs, row-wise on ranks. `queries` and
/// `target` hold this rank's rows; `keys` and `values` those of the sequences that these rows lie in.
struct AttentionData {
  Matrix queries;          ///< n_local × d₁, rows of A₁
  Matrix keys;             ///< m_local × d₂, rows of A₂
  Matrix separate_values;  ///< m_local × d₃, rows of A₃; empty when A₃ = A₂
  Matrix target;           ///< n_local × e, rows of B
  std::vector<LocalSequence> sequences;
  bool values_are_keys = true;  ///< A₃ = A₂: R_j is symmetric, which halves work
  bool causal = false;          ///< key k is visible to query j of its sequence iff k ≤ j
  double scale = 1;             ///< of the logits

  const Matrix& values() const { return values_are_keys ? keys : separate_values; }
  Index query_width() const { return queries.cols(); }
  Index key_width() const { return keys.cols(); }
  Index value_width() const { return values().cols(); }
  Index output_width() const { return target.cols(); }
};

/// Where a rank's rows lie in the whole problem.
struct AttentionShare {
  Range queries;                         ///< rows of A₁ and B
  Range keys;                            ///< rows of A₂ and A₃
  std::vector<LocalSequence> sequences;  ///< relative to those ranges
};

/// Query rows over `ranks` ranks, balanced by the work of an exact Hessian (visible keys and widths), whole
/// sequences first, then rows; cuts inside a sequence lie a multiple of `granule` rows from its start. Local,
/// the same everywhere.
RowPartition partition_queries(std::span<const SequenceRows> sequences, bool causal, Index key_width,
                               int ranks, Index granule = 1);

/// The share of `rank` under `partition`. Local.
AttentionShare share_of_rank(std::span<const SequenceRows> sequences, const RowPartition& partition,
                             int rank);

/// A tile: some query rows of one sequence and the keys that any of them sees.
struct AttentionTile {
  Range queries;             ///< query rows, of the local ones or of a gathered sample
  Range keys;                ///< local key rows: the sequence's first visible ones
  Index first_position = 0;  ///< position in the sequence of the first query
  bool causal = false;
  /// The queries' positions, rising, where they need not follow one another; empty: they do.
  std::vector<Index> positions = {};

  /// Position in the sequence of query row `row` (0 is the tile's first).
  Index position(Index row) const {
    return positions.empty() ? first_position + row : positions[static_cast<std::size_t>(row)];
  }
  /// How many of the tile's keys query row `row` sees.
  Index visible(Index row) const { return causal ? position(row) + 1 : keys.size(); }
};

/// Query rows of a tile, but for the first and last ones of a share or sequence: some blocks of lanes, so
/// that keys that stream by are used for many rows.
inline constexpr Index most_tile_rows = 64;

/// The tiles of a share, in row order; their cuts depend on positions in sequences alone, not on the rank
/// count.
std::vector<AttentionTile> make_tiles(std::span<const LocalSequence> sequences, bool causal);

}  // namespace attnewton
