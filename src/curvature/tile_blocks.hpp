// From a tile's weights over keys to a packed matrix of each query row. Internal to this module.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "attnewton/curvature/panel_matrix.hpp"
#include "attnewton/problems/attention_tile_pass.hpp"

namespace attnewton {

/// Columns of the keys' Khatri–Rao rows that stand in memory at once: with a chunk of keys they fill a part
/// of the second-level cache.
inline constexpr Index khatri_rao_columns = 96;

/// sums += Σ over keys of weight times Khatri–Rao row, for every query row of a tile.
template <class Real>
struct KhatriRaoSum {
  LaneArray<Real> weights;  ///< of the chunk of keys that goes by
  LaneArray<double> sums;   ///< a row a column of the Khatri–Rao product
};

/// Adds up a chunk of keys, seen by the tile's blocks as `chunks` say: generate(keys, first, count) puts
/// columns [first, first + count) of the keys' Khatri–Rao rows into `room`, rows khatri_rao_columns apart,
/// for the most keys that any block sees; all `sums` use them while they are in the cache. Local to the
/// calling thread; keys·columns multiply–adds a query row and sum.
template <class Real, class Generate>
void add_khatri_rao(AttentionTilePass<Real>& pass, const std::vector<LaneChunk>& chunks, Index columns,
                    std::span<const KhatriRaoSum<Real>> sums, const Real* room, Generate&& generate) {
  const Index keys = std::max_element(chunks.begin(), chunks.end(), [](const auto& a, const auto& b) {
                       return a.count < b.count;
                     })->count;
  for (Index first = 0; first < columns; first += khatri_rao_columns) {
    const Index count = std::min(khatri_rao_columns, columns - first);
    generate(keys, first, count);
    for (const LaneChunk& chunk : chunks) {
      const LaneBlock& block = *chunk.block;
      for (const KhatriRaoSum<Real>& sum : sums)
        pass.add_mix(chunk, room, count, khatri_rao_columns, sum.weights.of(block),
                     sum.sums.of(block, first));
    }
  }
}

/// The same of the keys with themselves, packed: vech(A₂ᵀ diag(weights) A₂), d₂(d₂+1)/2 columns. `room` for
/// keys_per_chunk · khatri_rao_columns numbers.
template <class Real>
void add_key_grams(AttentionTilePass<Real>& pass, const Operand<Real>& keys,
                   const std::vector<LaneChunk>& chunks, std::span<const KhatriRaoSum<Real>> sums,
                   Real* room) {
  const Index first_key = pass.tile().keys.begin + chunks.front().first;
  const Index columns = keys.columns() * (keys.columns() + 1) / 2;
  add_khatri_rao(pass, chunks, columns, sums, room, [&](Index rows, Index first, Index count) {
    pass.kernels().khatri_rao_square(rows, Real{1}, keys.row(first_key), keys.columns(), first, count, room,
                                     khatri_rao_columns);
  });
}

/// Lanes as rows of `rows`, those of the tile from `first_row` on.
template <class Real>
void store_rows(const AttentionTilePass<Real>& pass, const LaneArray<Real>& lanes, Index first_row,
                PanelMatrix<Real>& rows) {
  for (const LaneBlock& block : pass.blocks()) {
    for (Index panel = 0; panel < rows.panels(); ++panel) {
      const Index first = panel * rows.panel_width();
      pass.kernels().unpack_real(block.vectors, block.rows,
                                 std::min(rows.panel_width(), rows.columns() - first), lanes.of(block, first),
                                 rows.at(panel, first_row + block.first_row), rows.panel_width());
    }
  }
}

}  // namespace attnewton
