// Reading a layer's weights and inputs, what methods see and what is held out.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "attnewton/pruning/prune_layer.hpp"
#include "attnewton/report/result.hpp"

#include "prune_options.hpp"

namespace attnewton {

/// Inputs of some sequences, of which this rank holds its share.
struct LayerInputs {
  std::shared_ptr<const MapInputs> share;
  Index rows = 0;       ///< of all ranks
  Index sequences = 0;  ///< of all ranks
};

/// What the options name, on every rank the same but for the shares of inputs.
struct PruneInput {
  AttentionLayer layer;  ///< in the form that is pruned
  LayerInputs calibration;
  std::optional<LayerInputs> heldout;
};

/// Reads and checks all files; each rank reads its own sequences. Collective on `comm`; throws the same error
/// on every rank: DataError naming the files and what differs, or IoError.
PruneInput read_prune_input(const Communicator& comm, const PruneOptions& options);

/// The options' files and their hashes. Local; throws IoError.
std::vector<InputFile> hashed_files(const PruneOptions& options);

}  // namespace attnewton
