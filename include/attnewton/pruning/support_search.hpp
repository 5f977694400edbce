// Which weights to keep: the alternating direction method of multipliers on the attention maps' loss.
#pragma once

#include <functional>

#include "attnewton/pruning/group_mask.hpp"
#include "attnewton/pruning/map_metric.hpp"

namespace attnewton {

struct SupportSearchOptions {
  double ridge = 3e-3;    ///< μ of ½μ‖θ − θ_W‖², in the metric's units
  double prior = 0.3;     ///< κ of ½κ‖θ − θ_W‖² in the metric itself (AttentionMapOptions::prior)
  Index iterations = 60;  ///< of the method at most: it ends when the support has settled
  double first_penalty = 0.03;   ///< ρ, against a Hessian of diagonal 1
  double penalty_growth = 1.12;  ///< of ρ an iteration: supports settle as it grows
  double forcing = 0.1;          ///< residual to which a step's equations are solved
  Index most_products = 10;      ///< Hessian–vector products a step
};

/// What an iteration of the search tells.
struct SupportSearchRecord {
  Index iteration = 0;
  double penalty = 0;    ///< ρ
  double data_loss = 0;  ///< ½ Σ ‖Att − E‖² of the weights that are not yet sparse
  double gap = 0;        ///< ‖θ − z‖/‖z‖: how far they are from sparse ones
  Index changes = 0;     ///< weights that entered or left the support
  Index products = 0;    ///< Hessian–vector products
};
using SupportSearchObserver = std::function<void(const SupportSearchRecord&)>;

/// A support and sparse weights on it, from which a refit starts.
struct SparseWeights {
  GroupMask mask;
  Vector weights;        ///< as HeadGroup::to_vector() has them, 0 off the mask
  Index iterations = 0;  ///< of the search
};

/// Minimises L(θ) + ½μ‖θ − θ_W‖² over weights θ = w/u of the pattern and ratio in each block, from the dense
/// weights on, by ADMM (Boyd et al. 2011, §9.1, as for pruning in 1804.03294):
///   θ ← a Gauss–Newton step of  L(θ) + ½μ‖θ − θ_W‖² + ½ρ‖θ − z + v‖²
///   z ← the nearest sparse weights to θ + v: those of largest |θ + v| stay
///   v ← v + θ − z
/// Magnitude pruning is its first iteration (in the metric's units); the others let weights that stay make
/// good what the others did, before it is settled which go. The step's equations are solved by conjugate
/// gradients preconditioned by the metric. A heuristic: it finds good supports, not the best one. Collective;
/// an iteration costs an evaluation with gradient and at most most_products products. The same on every rank
/// and, within rounding, on any number of them. Throws NumericalError if the weights leave where logits are
/// finite.
SparseWeights search_support(const std::shared_ptr<const AttentionMap>& map, const MapMetric& metric,
                             const Pattern& pattern, double ratio, const SupportSearchOptions& options,
                             const SupportSearchObserver& observer = {});

}  // namespace attnewton
