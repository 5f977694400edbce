// The mask as an unknown: the method of 2410.11261.
#pragma once

#include <memory>
#include <span>

#include "attnewton/pruning/attention_map_problem.hpp"
#include "attnewton/solver/gradient_descent.hpp"
#include "attnewton/solver/minimise.hpp"

namespace attnewton {

enum class MaskStep {
  lipschitz,     ///< 1/L, mask_lipschitz_constant()'s L: fused weights alone
  backtracking,  ///< as long as lowers the loss
};

struct MaskLearningOptions : MinimiseOptions {
  MaskLearningOptions() {
    tolerance = 1e-4;
    max_iterations = 1000;
  }
  double ridge = 1e-3;  ///< λ
  double momentum = GradientDescentOptions{}.momentum;
  MaskStep step = MaskStep::backtracking;
};

struct LearnedMask {
  Vector mask;  ///< M, a number a weight, as HeadGroup::to_vector() has them
  SolveSummary summary;
};

/// Minimises L(M) = ½ Σ_h ‖Att_h(M∘W) − E_h‖² + ½λ‖M‖² from M = 1 by gradient descent with momentum
/// (2410.11261, algorithm 1). Scores of the weights are then M or |M∘W|: the larger ones stay. Collective; a
/// step costs an evaluation with gradient, or some. Throws UsageError for MaskStep::lipschitz with factors.
LearnedMask learn_mask(const std::shared_ptr<const AttentionMap>& map, const MaskLearningOptions& options,
                       std::span<IterationObserver* const> observers = {});

}  // namespace attnewton
