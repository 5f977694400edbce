// Rows of a tile, and its logits as a matrix: for what looks at whole rows of them.
#pragma once

#include "attnewton/linalg/blas.hpp"
#include "attnewton/problems/attention_data.hpp"

namespace attnewton {

/// The tile's logits scale·A₁XA₂ᵀ, rows × keys of the tile, masked entries included. Local, 2 products of
/// BLAS-3.
Matrix tile_logits(const AttentionData& data, const AttentionTile& tile, const Matrix& x);

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
