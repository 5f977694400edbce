// What a pruned layer leaves in its folder.
#pragma once

#include <string>

#include "attnewton/pruning/prune_layer.hpp"

#include "prune_options.hpp"

namespace attnewton {

/// Writes the pruned weights as their input had them: wq.npy and wk.npy (outputs × inputs) of factors,
/// w_pruned.npy (H·d × d, the heads below one another) and, with biases, bias.npy (H × d: what to add to x W)
/// of fused weights; and mask.npy or mask_wq.npy and mask_wk.npy, 1 where a weight stays. Collective; throws
/// IoError on every rank.
void write_pruned(const Communicator& comm, const std::string& folder, const PrunedLayer& pruned);

/// Writes the copy of the model's file that --safetensors asks for. Collective; throws DataError if a weight
/// does not fit the file's type, IoError.
void write_model(const Communicator& comm, const PruneOptions& options, const PrunedLayer& pruned);

}  // namespace attnewton
