#include "attnewton/pruning/mask_learning.hpp"

#include "attnewton/core/timing.hpp"

namespace attnewton {

LearnedMask learn_mask(const std::shared_ptr<const AttentionMap>& map, const MaskLearningOptions& options,
                       std::span<IterationObserver* const> observers) {
  const TimingScope timing("mask learning");
  AttentionMapOptions objective;
  objective.unit = map->reference().to_vector();
  objective.pull = Vector::Constant(objective.unit.size(), options.ridge);
  const AttentionMapProblem problem(map, objective);

  GradientDescentOptions descent;
  descent.momentum = options.momentum;
  if (options.step == MaskStep::lipschitz)
    descent.lipschitz_constant = mask_lipschitz_constant(*map, options.ridge);
  GradientDescent method(descent);
  LearnedMask learned;
  learned.summary = minimise(problem, method, Vector::Ones(problem.unknowns()), options, observers);
  learned.mask = learned.summary.point->theta();
  return learned;
}

}  // namespace attnewton
