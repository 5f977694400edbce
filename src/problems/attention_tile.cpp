#include "attnewton/problems/attention_tile.hpp"

#include "attnewton/parallel/deterministic.hpp"

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

Matrix mixed_values(const AttentionData& data, const std::vector<AttentionTile>& tiles, const Matrix& x) {
  Matrix mixed(data.queries.rows(), data.value_width());
  for_each_task(static_cast<Index>(tiles.size()), [&](Index i) {
    const AttentionTile& tile = tiles[static_cast<std::size_t>(i)];
    multiply(tile_softmax(data, tile, x), key_rows(data.values(), tile), query_rows(mixed, tile));
  });
  return mixed;
}

}  // namespace attnewton
