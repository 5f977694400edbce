#include "attnewton/problems/attention_generator.hpp"

#include <algorithm>
#include <cmath>

#include "attnewton/core/error.hpp"
#include "attnewton/problems/attention_stream.hpp"
#include "attnewton/problems/attention_tile.hpp"
#include "attnewton/random/stream.hpp"

namespace attnewton {
namespace {

std::vector<Index> offsets_of(const AttentionRecipe& recipe) {
  const Index length = recipe.sequence_length > 0 ? recipe.sequence_length : recipe.rows;
  std::vector<Index> offsets;
  for (Index row = 0; row < recipe.rows; row += length) offsets.push_back(row);
  offsets.push_back(recipe.rows);
  return offsets;
}

// Entries such that a_jᵀ X a_k has standard deviation logit_scale for independent standard normal a_j, a_k.
Matrix planted_x(const AttentionRecipe& recipe) {
  const Index d = recipe.width;
  const double deviation = recipe.logit_scale / static_cast<double>(d);
  const RandomStream stream(recipe.seed, RandomPurpose::planted_x);
  if (recipe.factor_rank == 0) return deviation * stream.normal_rows({0, d}, d);
  const Matrix q = stream.normal_rows({0, d}, recipe.factor_rank);
  const Matrix k =
      RandomStream(recipe.seed, RandomPurpose::planted_k).normal_rows({0, d}, recipe.factor_rank);
  Matrix x(d, d);
  multiply_by_transpose(deviation / std::sqrt(static_cast<double>(recipe.factor_rank)), q, k, x);
  return x;
}

void check(const AttentionRecipe& recipe) {
  if (recipe.rows < 1 || recipe.width < 1 || recipe.output_width < 1) {
    throw UsageError("rows, width and output width of a generated problem must be at least 1");
  }
  if (recipe.sequence_length < 0 || recipe.factor_rank < 0 || recipe.factor_rank > recipe.width) {
    throw UsageError(
        "the sequence length must not be negative, the factor rank must lie between 0 and the width");
  }
  if (!(recipe.noise >= 0) || !std::isfinite(recipe.noise) || !std::isfinite(recipe.logit_scale)) {
    throw UsageError("noise must be a finite number of at least 0, the logit scale a finite number");
  }
}

}  // namespace

PlantedAttention generate_attention(const Communicator& comm, const AttentionRecipe& recipe) {
  check(recipe);
  PlantedAttention planted;
  planted.offsets = offsets_of(recipe);
  planted.x = planted_x(recipe);
  planted.y = RandomStream(recipe.seed, RandomPurpose::planted_y)
                  .normal_rows({0, recipe.width}, recipe.output_width) /
              std::sqrt(static_cast<double>(recipe.width));

  // Ranks get whole tiles, so that a tile is computed alike, bit for bit, whoever computes it.
  const auto sequences = sequences_from_offsets(planted.offsets, planted.offsets);
  const RowPartition partition =
      partition_queries(sequences, recipe.causal, recipe.width, comm.size(), most_tile_rows);
  const AttentionShare share = share_of_rank(sequences, partition, comm.rank());
  planted.rows = share.queries;

  const RandomStream inputs(recipe.seed, RandomPurpose::inputs);
  planted.inputs = inputs.normal_rows(share.queries, recipe.width);
  AttentionData data;
  data.queries = planted.inputs;
  data.keys = inputs.normal_rows(share.keys, recipe.width);
  data.causal = recipe.causal;
  data.sequences = share.sequences;
  const AttentionStream<double> stream(data);
  const Matrix mixed = stream.forward(planted.x).mixed;
  planted.target.resize(mixed.rows(), recipe.output_width);
  for (const AttentionTile& tile : stream.tiles()) {
    multiply(query_rows(mixed, tile), planted.y, query_rows(planted.target, tile));
  }
  const RandomStream noise(recipe.seed, RandomPurpose::noise);
  if (recipe.noise > 0)
    planted.target += recipe.noise * noise.normal_rows(share.queries, recipe.output_width);
  return planted;
}

}  // namespace attnewton
