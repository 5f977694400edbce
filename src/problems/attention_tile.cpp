#include "attnewton/problems/attention_tile.hpp"

namespace attnewton {

Matrix tile_logits(const AttentionData& data, const AttentionTile& tile, const Matrix& x) {
  Matrix queries_x(tile.queries.size(), data.key_width());
  multiply(query_rows(data.queries, tile), x, queries_x);
  Matrix logits(tile.queries.size(), tile.keys.size());
  multiply_by_transpose(data.scale, queries_x, key_rows(data.keys, tile), logits);
  return logits;
}

Matrix tile_softmax(const AttentionData& data, const AttentionTile& tile, const Matrix& x) {
  Matrix scores = tile_logits(data, tile, x);
  for (Index j = 0; j < scores.rows(); ++j) {
    const Index visible = tile.visible(j);
    auto row = scores.row(j).head(visible).array();
    row = (row - row.maxCoeff()).exp();
    row /= row.sum();
    scores.row(j).tail(scores.cols() - visible).setZero();
  }
  return scores;
}

}  // namespace attnewton
