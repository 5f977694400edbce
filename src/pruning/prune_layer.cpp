#include "attnewton/pruning/prune_layer.hpp"

#include <utility>

#include "attnewton/core/error.hpp"
#include "attnewton/core/timing.hpp"
#include "attnewton/pruning/baselines.hpp"
#include "attnewton/pruning/input_gram.hpp"

namespace attnewton {
namespace {

// A matrix (inputs × outputs) by a method that looks at projections alone.
PrunedMatrix prune_projection(const Matrix& weights, const Calibration& calibration,
                              const PruningOptions& options) {
  switch (options.method) {
    case PruningMethod::magnitude:
      return prune_magnitude(weights, options.pattern, options.ratio);
    case PruningMethod::wanda:
      return prune_wanda(weights, input_norms(calibration.gram), options.pattern, options.ratio);
    case PruningMethod::sparsegpt:
      return prune_sparsegpt(weights, calibration.gram, calibration.rows, options.pattern, options.ratio,
                             options.sparsegpt);
    case PruningMethod::attention:
    case PruningMethod::refit:
      break;
  }
  throw InternalError("prune_projection: a method that looks at projections alone");
}

// Factors: the stored matrices of all heads, cut into groups again.
PrunedLayer prune_stored(const AttentionLayer& dense, const Calibration& calibration,
                         const PruningOptions& options) {
  StoredProjections projections = stored(dense);
  const PrunedMatrix query = prune_projection(projections.query.transpose(), calibration, options);
  const PrunedMatrix key = prune_projection(projections.key.transpose(), calibration, options);
  projections.query = query.weights.transpose();
  projections.key = key.weights.transpose();
  PrunedLayer pruned{layer_of(projections, dense.heads()), {}, 0};
  const Index width = dense.groups.front().inner_width();
  Index head = 0;
  for (std::size_t g = 0; g < dense.groups.size(); ++g) {
    GroupMask mask;
    for (Index h = 0; h < dense.groups[g].heads(); ++h, ++head)
      mask.emplace_back(query.mask.middleCols(head * width, width));
    mask.emplace_back(key.mask.middleCols(static_cast<Index>(g) * width, width));
    pruned.masks.push_back(std::move(mask));
  }
  return pruned;
}

PrunedLayer prune_fused(const AttentionLayer& dense, const Calibration& calibration,
                        const PruningOptions& options) {
  PrunedLayer pruned{dense, {}, 0};
  for (HeadGroup& group : pruned.layer.groups) {
    GroupMask mask;
    for (Matrix& weights : group.query) {
      PrunedMatrix result = prune_projection(weights, calibration, options);
      weights = std::move(result.weights);
      mask.push_back(std::move(result.mask));
    }
    pruned.masks.push_back(std::move(mask));
  }
  return pruned;
}

SparseWeights prune_by_refit(const std::shared_ptr<const AttentionMap>& map, const PruningOptions& options,
                             const PruningObservers& observers, Index& iterations) {
  const MapMetric metric = make_map_metric(*map);
  SparseWeights sparse =
      search_support(map, metric, options.pattern, options.ratio, options.search, observers.search);
  const Refit refit = refit_weights(map, metric, sparse, options.refit, observers.iterations);
  iterations += sparse.iterations + refit.summary.iterations;
  sparse.weights = refit.weights;
  return sparse;
}

}  // namespace

std::string to_string(PruningMethod method) {
  switch (method) {
    case PruningMethod::magnitude:
      return "magnitude";
    case PruningMethod::wanda:
      return "wanda";
    case PruningMethod::sparsegpt:
      return "sparsegpt";
    case PruningMethod::attention:
      return "attention";
    case PruningMethod::refit:
      break;
  }
  return "refit";
}

std::vector<LearnedMask> learn_masks(const Calibration& calibration, const PruningOptions& options,
                                     const PruningObservers& observers) {
  std::vector<LearnedMask> learned;
  for (const auto& map : calibration.maps)
    learned.push_back(learn_mask(map, options.mask_learning, observers.iterations));
  return learned;
}

PrunedLayer prune_by_masks(const AttentionLayer& dense, const std::vector<LearnedMask>& learned,
                           const PruningOptions& options) {
  require(learned.size() == dense.groups.size(), "prune_by_masks: a mask for each group");
  PrunedLayer pruned{dense, {}, 0};
  for (std::size_t g = 0; g < dense.groups.size(); ++g) {
    HeadGroup& group = pruned.layer.groups[g];
    const Vector weights = group.to_vector();
    const Vector& mask = learned[g].mask;
    const Vector scores =
        options.scores == MaskScores::mask ? mask : Vector(mask.cwiseProduct(weights).cwiseAbs());
    pruned.masks.push_back(keep_largest(group.blocks(), scores, options.pattern, options.ratio));
    group.set(masked(group.blocks(), weights, pruned.masks.back()));
    pruned.iterations += learned[g].summary.iterations;
  }
  return pruned;
}

PrunedLayer prune_layer(const AttentionLayer& dense, const Calibration& calibration,
                        const PruningOptions& options, const PruningObservers& observers) {
  require(calibration.maps.size() == dense.groups.size(), "prune_layer: a map for each group");
  const TimingScope timing("prune");
  if (options.method == PruningMethod::attention)
    return prune_by_masks(dense, learn_masks(calibration, options, observers), options);
  if (options.method != PruningMethod::refit)
    return dense.is_fused() ? prune_fused(dense, calibration, options)
                            : prune_stored(dense, calibration, options);
  PrunedLayer pruned{dense, {}, 0};
  for (std::size_t g = 0; g < dense.groups.size(); ++g) {
    SparseWeights sparse = prune_by_refit(calibration.maps[g], options, observers, pruned.iterations);
    pruned.layer.groups[g].set(sparse.weights);
    pruned.masks.push_back(std::move(sparse.mask));
  }
  return pruned;
}

}  // namespace attnewton
