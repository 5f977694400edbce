// How a rank's share of an attention map is cut: tiles of scores, and strips of tiles whose sums over query
// rows are added up by one task.
#pragma once

#include <span>
#include <vector>

#include "attnewton/problems/attention_data.hpp"

namespace attnewton {

/// Some query rows of a sequence against the keys that any of them sees.
struct MapTile {
  Range queries;             ///< local query rows
  Range keys;                ///< rows of the inputs: the sequence's first visible ones
  Index first_position = 0;  ///< position in the sequence of the first query
  bool causal = false;
  Index stored = 0;  ///< where a head's stored probabilities of the tile begin

  Index rows() const { return queries.size(); }
  Index columns() const { return keys.size(); }
  Index size() const { return rows() * columns(); }
  /// Keys that the tile's row `row` sees.
  Index visible(Index row) const { return causal ? first_position + row + 1 : columns(); }
};

/// Tiles of one sequence that make a task.
struct MapStrip {
  Range tiles;
  Range keys;  ///< rows of the inputs that any of them sees
};

struct MapTiling {
  std::vector<MapTile> tiles;    ///< in row order
  std::vector<MapStrip> strips;  ///< of all tiles, in order
  Index probabilities = 0;       ///< of all tiles
};

/// Cuts sequences. With `sums_keys` a strip holds an accumulator of a row a key: sequences then make few and
/// long strips; else each tile is one.
MapTiling make_map_tiling(std::span<const LocalSequence> sequences, bool causal, bool sums_keys);

}  // namespace attnewton
