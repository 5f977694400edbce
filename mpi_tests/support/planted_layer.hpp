// Attention problems of which a solution is known, held whole by every rank.
#pragma once

#include "attnewton/problems/attention_generator.hpp"

#include "support/whole_attention.hpp"

namespace attnewton::testing_support {

struct PlantedLayer {
  WholeAttention whole;
  Matrix x, y;  ///< planted
};

/// Width 6 by default: 36 unknowns in X, 18 in Y, three residuals a row; causal sequences of uneven length.
inline PlantedLayer planted_layer(double noise, Index width = 6, Index rows = 241) {
  const AttentionRecipe recipe{.rows = rows,
                               .width = width,
                               .output_width = 3,
                               .sequence_length = 29,
                               .noise = noise,
                               .causal = true,
                               .seed = 8};
  const PlantedAttention planted = generate_attention(Communicator::self(), recipe);
  PlantedLayer layer{{}, planted.x, planted.y};
  layer.whole.a1 = layer.whole.a2 = planted.inputs;
  layer.whole.b = planted.target;
  layer.whole.query_offsets = layer.whole.key_offsets = planted.offsets;
  layer.whole.causal = true;
  layer.whole.ridge = 1e-6;
  return layer;
}

}  // namespace attnewton::testing_support
