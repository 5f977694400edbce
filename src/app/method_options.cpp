#include "method_options.hpp"

#include <algorithm>

#include "attnewton/core/error.hpp"

namespace attnewton {
namespace {

constexpr Index most_newton_steps = 100;
constexpr Index most_cheap_steps = 100000;

OptionScope with_methods(const MethodOptions& options, const std::string& text,
                         std::vector<SolveMethod> kinds) {
  return {"--method " + text, [&options, kinds = std::move(kinds)] {
            return std::find(kinds.begin(), kinds.end(), options.kind) != kinds.end();
          }};
}

// Which Hessians a solve makes: sketches draw only where one of them is wanted.
bool is_in_use(const MethodOptions& options, HessianKind kind) {
  switch (options.kind) {
    case SolveMethod::automatic:
      return kind == HessianKind::sampled;
    case SolveMethod::newton:
      return kind == options.hessian.kind;
    case SolveMethod::newton_cg:
      return kind == options.preconditioner;
    case SolveMethod::lbfgs:
      break;
  }
  return false;
}

void add_preconditioner(OptionTable& table, MethodOptions& options) {
  table
      .choice<HessianKind>(
          "preconditioner", options.preconditioner,
          hessian_choices({HessianKind::automatic, HessianKind::exact, HessianKind::gauss_newton,
                           HessianKind::sampled, HessianKind::tensor_srht, HessianKind::tensor_sparse,
                           HessianKind::kronecker, HessianKind::y_block, HessianKind::none}),
          "Hessian of an earlier point that conjugate gradients are preconditioned with; y-block: that of Y "
          "alone (joint variables); auto: kronecker with attention, else exact. With lbfgs kronecker or "
          "none: "
          "the metric.")
      .goes_with(with_methods(options, "newton-cg, lbfgs", {SolveMethod::newton_cg, SolveMethod::lbfgs}));
}

}  // namespace

void add_method_options(OptionTable& table, MethodOptions& options) {
  table.choice<SolveMethod>(
      "method", options.kind,
      {{"auto", SolveMethod::automatic},
       {"newton", SolveMethod::newton},
       {"newton-cg", SolveMethod::newton_cg},
       {"lbfgs", SolveMethod::lbfgs}},
      "newton: damped Newton steps by factorisation of the Hessian; newton-cg: steps by conjugate gradients "
      "on "
      "exact Hessian-vector products; lbfgs: limited-memory BFGS; auto: the cheapest steps first, lbfgs and "
      "then newton-cg, or newton throughout where Hessians are cheap.");
  add_hessian_kind(table, options.hessian,
                   {HessianKind::exact, HessianKind::gauss_newton, HessianKind::sampled,
                    HessianKind::tensor_srht, HessianKind::tensor_sparse, HessianKind::kronecker},
                   with_methods(options, "newton", {SolveMethod::newton}));
  add_preconditioner(table, options);
  add_sketch_options(table, options.hessian,
                     [&options](HessianKind kind) { return is_in_use(options, kind); });
  table.number("tolerance", options.limits.tolerance, {.at_least = 0, .at_most = 1},
               "Converged when the gradient's norm fell to this share of its first.");
  table.integer("max-iterations", options.max_iterations, {.at_least = 0},
                "100 with newton and newton-cg, else 100000", "Steps at most.");
  table.duration(
      "time-limit", options.limits.time_limit_seconds,
      "End before an iteration that would pass this time since the solve began: seconds, h:mm:ss, or none.");
}

void add_method_details(OptionTable& table, MethodOptions& options) {
  table.group("Damping");
  const OptionScope damped =
      with_methods(options, "auto, newton, newton-cg",
                   {SolveMethod::automatic, SolveMethod::newton, SolveMethod::newton_cg});
  DampingOptions& damping = options.damping;
  table
      .number("initial-shift", damping.initial_relative_shift, {.at_least = 0},
              "First shift of the Hessian, as a share of the mean absolute diagonal of the first Hessian.")
      .goes_with(damped);
  table
      .number("accept-ratio", damping.accept_ratio, {.at_least = 0, .at_most = 1},
              "Accept a step above this ratio of actual to predicted decrease.")
      .goes_with(damped);
  table
      .number("indefinite-factor", damping.indefinite_factor, {.at_least = 1, .above_least = true},
              "Shift times this when the shifted Hessian is not positive definite.")
      .goes_with(damped);
  table
      .number("reject-factor", damping.reject_factor, {.at_least = 1, .above_least = true},
              "Shift times this when a step is rejected.")
      .goes_with(damped);
  table
      .integer("max-trials", damping.max_trials, {.at_least = 1},
               "Shifts tried for one step before the solve gives up.")
      .goes_with(damped);
  table.group("Conjugate gradients");
  const OptionScope inexact =
      with_methods(options, "auto, newton-cg", {SolveMethod::automatic, SolveMethod::newton_cg});
  table
      .number("largest-forcing", options.newton_cg.largest_forcing,
              {.at_least = 0, .at_most = 1, .above_least = true},
              "Relative residual that a step's system is solved to at most; near the solution it is less.")
      .goes_with(inexact);
  table
      .integer("max-products", options.newton_cg.most_products, {.at_least = 1},
               "Hessian-vector products of one run of conjugate gradients at most.")
      .goes_with(inexact);
  table
      .integer("keep-preconditioner", options.newton_cg.preconditioner.keep, {.at_least = 0},
               "Steps that a preconditioner serves; 0: until conjugate gradients have taken as long since it "
               "was made as making it took, which the clock decides.")
      .goes_with(inexact);
  table.group("L-BFGS");
  table
      .integer("lbfgs-memory", options.lbfgs.memory, {.at_least = 1, .at_most = 1000},
               "Pairs of steps and gradient changes that are kept.")
      .goes_with(with_methods(options, "auto, lbfgs", {SolveMethod::automatic, SolveMethod::lbfgs}));
}

void check_method_options(const MethodOptions& options, const ProblemOptions& problem) {
  if (options.kind == SolveMethod::newton) check_hessian_kind(options.hessian.kind, problem, "hessian");
  if (options.kind == SolveMethod::newton_cg)
    check_hessian_kind(options.preconditioner, problem, "preconditioner");
  if (options.kind != SolveMethod::lbfgs) return;
  const HessianKind metric = options.preconditioner;
  if (metric != HessianKind::automatic && metric != HessianKind::none && metric != HessianKind::kronecker)
    throw UsageError("with --method lbfgs --preconditioner is auto, kronecker or none");
  check_hessian_kind(metric, problem, "preconditioner");
}

MinimiseOptions limits_of(const MethodOptions& options) {
  MinimiseOptions limits = options.limits;
  const bool is_newton = options.kind == SolveMethod::newton || options.kind == SolveMethod::newton_cg;
  limits.max_iterations = options.max_iterations.value_or(is_newton ? most_newton_steps : most_cheap_steps);
  return limits;
}

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
  std::unique_ptr<Automatic> automatic() {
    const AutomaticOptions costs{options_.limits.tolerance, loaded_.cost_in_gradients(of(HessianKind::exact)),
                                 loaded_.cost_in_gradients(of(loaded_.last_preconditioner()))};
    auto lbfgs_stage = lbfgs(loaded_.default_metric());
    auto cg_stage = newton_cg(loaded_.last_preconditioner());
    auto newton_stage = newton(HessianKind::exact);
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
    return hessian;
  }
  DampedHessian& hessian(HessianKind kind) {
    owned_.hessians.push_back(loaded_.damped_hessian(of(kind)));
    return *owned_.hessians.back();
  }

  const LoadedProblem& loaded_;
  const MethodOptions& options_;
  OwnedMethod& owned_;
};

}  // namespace

OwnedMethod make_method(const LoadedProblem& loaded, const MethodOptions& options) {
  OwnedMethod owned;
  MethodMaker maker(loaded, options, owned);
  const bool is_default = options.preconditioner == HessianKind::automatic;
  switch (options.kind) {
    case SolveMethod::automatic:
      owned.steps = maker.automatic();
      break;
    case SolveMethod::newton:
      owned.steps = maker.newton(options.hessian.kind);
      break;
    case SolveMethod::newton_cg:
      owned.steps = maker.newton_cg(is_default ? loaded.default_preconditioner() : options.preconditioner);
      break;
    case SolveMethod::lbfgs:
      owned.steps = maker.lbfgs(is_default ? loaded.default_metric() : options.preconditioner);
      break;
  }
  return owned;
}

}  // namespace attnewton
