// A layer's weights pruned by any of the methods.
#pragma once

#include <string>
#include <vector>

#include "attnewton/pruning/attention_layer.hpp"
#include "attnewton/pruning/mask_learning.hpp"
#include "attnewton/pruning/refit.hpp"
#include "attnewton/pruning/sparsegpt.hpp"

namespace attnewton {

enum class PruningMethod {
  magnitude,  ///< |W|
  wanda,      ///< |W_ij| ‖X_i‖ within each output
  sparsegpt,  ///< removal with compensation in the projection's output
  attention,  ///< learned mask (2410.11261)
  refit,      ///< support and weights fitted to the attention maps
};

/// As --method spells it.
std::string to_string(PruningMethod method);

/// What learned masks order weights by.
enum class MaskScores {
  mask,         ///< M, as published
  mask_weight,  ///< |M∘W|
};

struct PruningOptions {
  PruningMethod method = PruningMethod::refit;
  Pattern pattern;
  double ratio = 0.5;  ///< share of the weights that go
  SparseGptOptions sparsegpt;
  MaskLearningOptions mask_learning;
  MaskScores scores = MaskScores::mask_weight;
  SupportSearchOptions search;
  RefitOptions refit;
};

/// The inputs that methods see: maps of the dense weights' groups, and XᵀX of all rows for those that look at
/// the projections alone.
struct Calibration {
  std::vector<std::shared_ptr<const AttentionMap>> maps;  ///< one for each of the layer's groups
  Matrix gram;                                            ///< XᵀX, d × d, over all ranks
  Index rows = 0;                                         ///< of X, over all ranks
};

/// Who watches: every function may be empty.
struct PruningObservers {
  SupportSearchObserver search = {};
  std::vector<IterationObserver*> iterations = {};  ///< of learned masks and refits
};

struct PrunedLayer {
  AttentionLayer layer;
  std::vector<GroupMask> masks;  ///< one a group
  Index iterations = 0;          ///< of all groups' searches, refits or mask learning
};

/// learn_mask() of each of the layer's groups: the same for any ratio and pattern. Collective; its cost and
/// errors.
std::vector<LearnedMask> learn_masks(const Calibration& calibration, const PruningOptions& options,
                                     const PruningObservers& observers = {});

/// The dense layer's weights where the masks' scores are largest. Local.
PrunedLayer prune_by_masks(const AttentionLayer& dense, const std::vector<LearnedMask>& learned,
                           const PruningOptions& options);

/// The dense layer's weights with `ratio` of each matrix gone. Magnitude, Wanda and SparseGPT see factors as
/// the stored matrices of all heads together, as published; fused weights, and the other methods all, a head
/// or group at a time. Biases stay as they are. Collective; cost as the methods say. Throws UsageError,
/// NumericalError as they do.
PrunedLayer prune_layer(const AttentionLayer& dense, const Calibration& calibration,
                        const PruningOptions& options, const PruningObservers& observers = {});

}  // namespace attnewton
