// Planted attention problems: random inputs, known X* and Y*, target made by the layer itself.
#pragma once

#include <cstdint>
#include <vector>

#include "attnewton/parallel/communicator.hpp"
#include "attnewton/problems/attention_data.hpp"

namespace attnewton {

struct AttentionRecipe {
  Index rows = 256;           ///< n: query and key rows
  Index width = 8;            ///< d₁ = d₂ = d₃
  Index output_width = 4;     ///< e
  Index sequence_length = 0;  ///< rows a sequence; 0: one sequence of all rows; the last one may be shorter
  Index factor_rank = 0;      ///< rank of X* = QKᵀ; 0: full
  double logit_scale = 2;     ///< standard deviation of the logits
  double noise = 0;           ///< standard deviation of the normal noise on B's entries
  bool causal = false;
  std::uint64_t seed = 1;
};

/// What a recipe makes; `inputs` and `target` are this rank's rows.
struct PlantedAttention {
  Range rows;                  ///< of the whole problem, on this rank
  Matrix inputs;               ///< A₁ = A₂ = A₃, rows × d, standard normal
  Matrix target;               ///< B, rows × e
  Matrix x;                    ///< X*
  Matrix y;                    ///< Y*
  std::vector<Index> offsets;  ///< of the sequences
};

/// Makes the recipe's problem: the same numbers, to the last bit, on any number of ranks. Collective on
/// `comm`; cost two products of size n·m·d.
PlantedAttention generate_attention(const Communicator& comm, const AttentionRecipe& recipe);

}  // namespace attnewton
