#include "attnewton/pruning/refit.hpp"

#include "attnewton/core/timing.hpp"
#include "attnewton/solver/newton_cg.hpp"

namespace attnewton {

Refit refit_weights(const std::shared_ptr<const AttentionMap>& map, const MapMetric& metric,
                    const SparseWeights& start, const RefitOptions& options,
                    std::span<IterationObserver* const> observers) {
  const TimingScope timing("refit");
  const Vector dense = map->reference().to_vector().cwiseQuotient(metric.unit);
  AttentionMapOptions objective;
  objective.support = support_of(map->blocks(), start.mask);
  if (objective.support.empty()) return {Vector::Zero(dense.size()), {}};
  objective.unit = metric.unit(objective.support);
  objective.centre = dense(objective.support);
  objective.pull = Vector::Constant(objective.centre.size(), options.ridge);
  objective.prior_weight = options.prior;
  objective.prior = metric.blocks;
  const AttentionMapProblem problem(map, objective);

  MapKroneckerHessian preconditioner(problem, metric.spectra);
  NewtonCgOptions newton;
  newton.tolerance = options.tolerance;
  NewtonCg method(preconditioner, newton);
  const Vector theta = start.weights(objective.support).cwiseQuotient(objective.unit);
  Refit refit;
  refit.summary = minimise(problem, method, theta, options, observers);
  refit.weights = problem.weights(refit.summary.point->theta());
  return refit;
}

}  // namespace attnewton
