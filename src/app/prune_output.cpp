#include "prune_output.hpp"

#include <fmt/format.h>

#include "attnewton/core/error.hpp"
#include "attnewton/io/atomic_file.hpp"
#include "attnewton/io/npy_writer.hpp"
#include "attnewton/io/safetensors_writer.hpp"
#include "attnewton/parallel/agreement.hpp"

#include "solve_output.hpp"

namespace attnewton {
namespace {

// The masks as weights of 1 and 0, so that they take the weights' way into a file.
AttentionLayer masks_as_weights(const PrunedLayer& pruned) {
  AttentionLayer layer = pruned.layer;
  for (std::size_t g = 0; g < layer.groups.size(); ++g) {
    HeadGroup& group = layer.groups[g];
    const GroupMask& masks = pruned.masks[g];
    for (std::size_t h = 0; h < group.query.size(); ++h) group.query[h] = masks[h].cast<double>();
    if (!group.is_fused()) group.key = masks.back().cast<double>();
  }
  return layer;
}

Matrix stacked_biases(const AttentionLayer& layer) {
  Matrix biases(layer.heads(), layer.width());
  Index head = 0;
  for (const HeadGroup& group : layer.groups) {
    for (const Vector& bias : group.bias) biases.row(head++) = bias.transpose();
  }
  return biases;
}

}  // namespace

void write_pruned(const Communicator& comm, const std::string& folder, const PrunedLayer& pruned) {
  agree_on_errors(comm, [&] {
    if (!comm.is_root()) return;
    make_directories(folder);
    const AttentionLayer masks = masks_as_weights(pruned);
    if (pruned.layer.is_fused()) {
      write_npy(path_in(folder, "w_pruned.npy"), stacked(pruned.layer));
      write_npy(path_in(folder, "mask.npy"), stacked(masks));
      if (!pruned.layer.groups.front().bias.empty())
        write_npy(path_in(folder, "bias.npy"), stacked_biases(pruned.layer));
      return;
    }
    const StoredProjections weights = stored(pruned.layer);
    const StoredProjections kept = stored(masks);
    write_npy(path_in(folder, "wq_pruned.npy"), weights.query);
    write_npy(path_in(folder, "wk_pruned.npy"), weights.key);
    write_npy(path_in(folder, "mask_wq.npy"), kept.query);
    write_npy(path_in(folder, "mask_wk.npy"), kept.key);
  });
}

void write_model(const Communicator& comm, const PruneOptions& options, const PrunedLayer& pruned) {
  if (options.safetensors.empty()) return;
  agree_on_errors(comm, [&] {
    if (!comm.is_root()) return;
    const auto query = split_tensor_path(options.wq);
    const auto key = split_tensor_path(options.wk);
    const StoredProjections weights = stored(pruned.layer);
    write_with_replaced_tensors(open_safetensors(query->file), options.safetensors,
                                {{query->tensor, weights.query}, {key->tensor, weights.key}});
  });
}

}  // namespace attnewton
