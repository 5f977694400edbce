// The weights that stay, fitted to the attention maps of the dense ones.
#pragma once

#include <span>

#include "attnewton/pruning/support_search.hpp"
#include "attnewton/solver/minimise.hpp"

namespace attnewton {

struct RefitOptions : MinimiseOptions {
  RefitOptions() {
    tolerance = 1e-4;
    max_iterations = 50;
  }
  double ridge = SupportSearchOptions{}.ridge;  ///< μ of ½μ‖θ − θ_W‖², in the metric's units
  double prior = SupportSearchOptions{}.prior;  ///< κ of ½κ‖θ − θ_W‖² in the metric itself
};

struct Refit {
  Vector weights;  ///< as HeadGroup::to_vector() has them, 0 off the support
  SolveSummary summary;
};

/// Minimises ½ Σ_h ‖Att_h(w) − E_h‖² + ½μ‖θ − θ_W‖², θ = w/u, over the weights that `start.mask` keeps, by
/// Newton–CG on exact products preconditioned by the metric, from start.weights on. Collective; a step costs
/// its products, an evaluation and a gradient. Throws NumericalError if the start's logits are not finite.
Refit refit_weights(const std::shared_ptr<const AttentionMap>& map, const MapMetric& metric,
                    const SparseWeights& start, const RefitOptions& options,
                    std::span<IterationObserver* const> observers = {});

}  // namespace attnewton
