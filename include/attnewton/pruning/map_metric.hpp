// Units in which a Hessian's diagonal is about 1, so that weights compare by what they do to the attention
// map.
#pragma once

#include <memory>

#include "attnewton/pruning/attention_map_kronecker.hpp"

namespace attnewton {

/// The Kronecker blocks A ⊗ C of an attention map at its reference weights, and units from their diagonals:
/// θ_ij = √(A_ii C_jj) w_ij. In them a weight's square is about twice what its removal alone costs, whatever
/// the scale of inputs, and Hessians have a diagonal of about 1, so that ridges and penalties are pure
/// numbers.
struct MapMetric {
  std::shared_ptr<const std::vector<KroneckerBlock>> blocks;
  std::shared_ptr<const KroneckerSpectra> spectra;
  Vector unit;  ///< u = 1/√(A_ii C_jj), a number a weight: w = u ∘ θ
};

/// Of inputs or outputs that the map does not feel at all (A_ii or C_jj below 1e-12 of the largest) the
/// diagonal is taken as that. Collective; kronecker_blocks() and KroneckerSpectra's cost. Throws
/// NumericalError if a block is 0: no weight of it changes the map.
MapMetric make_map_metric(const AttentionMap& map);

}  // namespace attnewton
