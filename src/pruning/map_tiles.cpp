#include "map_tiles.hpp"

#include <algorithm>

namespace attnewton {
namespace {

// Scores of a tile: 1 MiB of them, so that what is done entry by entry finds them in a near cache.
constexpr Index scores_of_tile = Index{1} << 17;
// Fewer rows a tile cost more: every product packs all keys again.
constexpr Index fewest_rows = 64;
// A sequence's sums over query rows are cut in so many strips at most, of so many rows at least.
constexpr Index most_strips = 8;
constexpr Index shortest_strip = 256;

Index rounded_up_ratio(Index total, Index part) {
  return (total + part - 1) / part;
}

void add_tiles(const LocalSequence& sequence, Range rows, bool causal, MapTiling& tiling) {
  const Index at_once = std::max(fewest_rows, scores_of_tile / std::max<Index>(1, sequence.keys.size()));
  const Index count = rounded_up_ratio(rows.size(), at_once);
  for (Index i = 0; i < count; ++i) {
    const Index begin = rows.begin + rows.size() * i / count;
    const Index end = rows.begin + rows.size() * (i + 1) / count;
    const Index position = sequence.first_position + begin - sequence.queries.begin;
    const Index visible = causal ? position + end - begin : sequence.keys.size();
    tiling.tiles.push_back({.queries = {begin, end},
                            .keys = {sequence.keys.begin, sequence.keys.begin + visible},
                            .first_position = position,
                            .causal = causal,
                            .stored = tiling.probabilities});
    tiling.probabilities += tiling.tiles.back().size();
  }
}

}  // namespace

MapTiling make_map_tiling(std::span<const LocalSequence> sequences, bool causal, bool sums_keys) {
  MapTiling tiling;
  const auto close_strip = [&](Index first) {
    const auto end = static_cast<Index>(tiling.tiles.size());
    if (first < end) tiling.strips.push_back({{first, end}, tiling.tiles.back().keys});
  };
  for (const LocalSequence& sequence : sequences) {
    const Index rows = sequence.queries.size();
    const Index strips = sums_keys ? std::clamp<Index>(rows / shortest_strip, 1, most_strips) : 1;
    for (Index i = 0; i < strips; ++i) {
      const auto first = static_cast<Index>(tiling.tiles.size());
      const Range part{sequence.queries.begin + rows * i / strips,
                       sequence.queries.begin + rows * (i + 1) / strips};
      add_tiles(sequence, part, causal, tiling);
      if (sums_keys) close_strip(first);
    }
  }
  if (!sums_keys) {
    for (const MapTile& tile : tiling.tiles) {
      const auto i = static_cast<Index>(&tile - tiling.tiles.data());
      tiling.strips.push_back({{i, i + 1}, tile.keys});
    }
  }
  return tiling;
}

}  // namespace attnewton
