// The forward pass of one tile: softmax scores of some query rows over the keys that they see.
#pragma once

#include "attnewton/linalg/blas.hpp"
#include "attnewton/problems/attention_data.hpp"

namespace attnewton {

/// The tile's logits scale·A₁XA₂ᵀ, rows × keys of the tile, masked entries included. Local, 2 products of
/// BLAS-3.
Matrix tile_logits(const AttentionData& data, const AttentionTile& tile, const Matrix& x);

/// The tile's rows of F: softmax of the visible logits, shifted by their maximum; masked entries are 0.
/// Local.
Matrix tile_softmax(const AttentionData& data, const AttentionTile& tile, const Matrix& x);

/// Rows of `rows` (local queries × anything) that belong to the tile.
inline auto query_rows(const Matrix& rows, const AttentionTile& tile) {
  return rows.middleRows(tile.queries.begin, tile.queries.size());
}
inline auto query_rows(Matrix& rows, const AttentionTile& tile) {
  return rows.middleRows(tile.queries.begin, tile.queries.size());
}
/// Rows of `rows` (local keys × anything) that belong to the tile.
inline auto key_rows(const Matrix& rows, const AttentionTile& tile) {
  return rows.middleRows(tile.keys.begin, tile.keys.size());
}

}  // namespace attnewton
