#include "attnewton/curvature/attention_rows.hpp"

#include <algorithm>

namespace attnewton {
namespace {

// Tiles of the gathered rows: those of one sequence together, as many as a tile holds.
std::vector<AttentionTile> tiles_of(const AttentionData& data, const std::vector<Index>& rows) {
  std::vector<AttentionTile> tiles;
  auto next = rows.begin();
  for (const LocalSequence& sequence : data.sequences) {
    const auto end = std::lower_bound(next, rows.end(), sequence.queries.end);
    while (next != end) {
      const auto count = std::min<Index>(most_tile_rows, end - next);
      const Index first = next - rows.begin();
      AttentionTile tile{.queries = {first, first + count}, .keys = sequence.keys, .causal = data.causal};
      for (Index i = 0; i < count; ++i)
        tile.positions.push_back(next[i] - sequence.queries.begin + sequence.first_position);
      if (data.causal) tile.keys.end = tile.keys.begin + tile.visible(count - 1);
      tiles.push_back(std::move(tile));
      next += count;
    }
  }
  return tiles;
}

}  // namespace

AttentionRows all_rows(const AttentionProblem& problem, const AttentionPoint& point) {
  const AttentionData& data = problem.data();
  return {data.queries, data.target,    point.at,         problem.tiles(),
          data.queries, point.at.mixed, point.at.residual};
}

SampledAttentionRows::SampledAttentionRows(const AttentionProblem& problem, const AttentionPoint& point,
                                           const RowSample& sample)
    : queries_(problem.data().queries(sample.rows, Eigen::all)),
      target_(problem.data().target(sample.rows, Eigen::all)),
      tiles_(tiles_of(problem.data(), sample.rows)) {
  at_.mixed = point.at.mixed(sample.rows, Eigen::all);
  at_.log_sum = point.at.log_sum(sample.rows);
  at_.residual = point.at.residual(sample.rows, Eigen::all);
  const Vector root = sample.weights.cwiseSqrt();
  left_queries_ = root.asDiagonal() * queries_;
  left_mixed_ = root.asDiagonal() * at_.mixed;
  left_residual_ = root.asDiagonal() * at_.residual;
}

AttentionRows SampledAttentionRows::rows() const {
  return {queries_, target_, at_, tiles_, left_queries_, left_mixed_, left_residual_};
}

}  // namespace attnewton
