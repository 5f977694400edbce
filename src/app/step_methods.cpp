#include "step_methods.hpp"

#include "attnewton/solver/automatic.hpp"
#include "attnewton/solver/newton.hpp"

namespace attnewton {
namespace {

// Builds the methods of one solve; what they stand on goes into `owned`.
class MethodMaker {
 public:
  MethodMaker(const LoadedProblem& loaded, const MethodOptions& options, OwnedMethod& owned)
      : loaded_(loaded), options_(options), owned_(owned) {}

  std::unique_ptr<DampedNewton> newton(HessianKind kind) {
    return std::make_unique<DampedNewton>(hessian(kind), options_.damping);
  }
  std::unique_ptr<NewtonCg> newton_cg(HessianKind preconditioner) {
    NewtonCgOptions newton_cg = options_.newton_cg;
    newton_cg.tolerance = options_.limits.tolerance;
    newton_cg.damping = options_.damping;
    return std::make_unique<NewtonCg>(hessian(preconditioner), newton_cg);
  }
  std::unique_ptr<Lbfgs> lbfgs(HessianKind metric) {
    return std::make_unique<Lbfgs>(options_.lbfgs, metric == HessianKind::none ? nullptr : &hessian(metric));
  }
  std::unique_ptr<Automatic> automatic(const MethodHessians& hessians) {
    const AutomaticOptions costs{options_.limits.tolerance, loaded_.cost_in_gradients(of(hessians.newton)),
                                 loaded_.cost_in_gradients(of(hessians.newton_cg))};
    auto lbfgs_stage = lbfgs(hessians.lbfgs);
    auto cg_stage = newton_cg(hessians.newton_cg);
    auto newton_stage = newton(hessians.newton);
    auto method = std::make_unique<Automatic>(*lbfgs_stage, *cg_stage, *newton_stage, costs);
    owned_.stages.push_back(std::move(lbfgs_stage));
    owned_.stages.push_back(std::move(cg_stage));
    owned_.stages.push_back(std::move(newton_stage));
    return method;
  }

 private:
  HessianOptions of(HessianKind kind) const {
    HessianOptions hessian = options_.hessian;
    hessian.kind = kind;
    hessian.preconditions = options_.kind != SolveMethod::newton;
    return hessian;
  }
  // Methods that take turns share one of a kind: each takes it anew at its first step.
  DampedHessian& hessian(HessianKind kind) {
    auto& made = owned_.hessians[kind];
    if (!made) made = loaded_.damped_hessian(of(kind));
    return *made;
  }

  const LoadedProblem& loaded_;
  const MethodOptions& options_;
  OwnedMethod& owned_;
};

}  // namespace

OwnedMethod make_method(const LoadedProblem& loaded, ProblemKind problem, const MethodOptions& options) {
  OwnedMethod owned;
  MethodMaker maker(loaded, options, owned);
  const MethodHessians hessians = hessians_of(options, problem);
  switch (options.kind) {
    case SolveMethod::automatic:
      owned.steps = maker.automatic(hessians);
      break;
    case SolveMethod::newton:
      owned.steps = maker.newton(hessians.newton);
      break;
    case SolveMethod::newton_cg:
      owned.steps = maker.newton_cg(hessians.newton_cg);
      break;
    case SolveMethod::lbfgs:
      owned.steps = maker.lbfgs(hessians.lbfgs);
      break;
  }
  return owned;
}

}  // namespace attnewton
