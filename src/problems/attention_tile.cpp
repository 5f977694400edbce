#include "attnewton/problems/attention_tile.hpp"

namespace attnewton {

Matrix tile_logits(const AttentionData& data, const AttentionTile& tile, const Matrix& x) {
  Matrix queries_x(tile.queries.size(), data.key_width());
  multiply(query_rows(data.queries, tile), x, queries_x);
  Matrix logits(tile.queries.size(), tile.keys.size());
  multiply_by_transpose(data.scale, queries_x, key_rows(data.keys, tile), logits);
  return logits;
}

}  // namespace attnewton
