#include "method_options.hpp"

namespace attnewton {
namespace {

constexpr Index most_newton_steps = 100;
constexpr Index most_cheap_steps = 100000;

[[maybe_unused]] OptionScope with_method(const MethodOptions& options, SolveMethod kind, const char* text) {
  return {text, [&options, kind] { return options.kind == kind; }};
}

}  // namespace

void add_method_options(OptionTable& table, MethodOptions& options) {
  table.choice<SolveMethod>(
      "method", options.kind,
      {{"newton", SolveMethod::newton}, {"newton-cg", SolveMethod::newton_cg}, {"lbfgs", SolveMethod::lbfgs}},
      "newton: damped Newton steps by factorisation of the Hessian; newton-cg: trust-region steps by "
      "conjugate gradients on exact Hessian-vector products; lbfgs: limited-memory BFGS.");
  add_hessian_options(table, options.hessian);
  table.choice<HessianKind>("preconditioner", options.preconditioner,
                            {{"exact", HessianKind::exact},
                             {"gauss-newton", HessianKind::gauss_newton},
                             {"sampled", HessianKind::sampled},
                             {"kronecker", HessianKind::kronecker},
                             {"y-block", HessianKind::y_block},
                             {"none", HessianKind::none}},
                            "Hessian at an earlier point that conjugate gradients are preconditioned with.");
  table.number("tolerance", options.limits.tolerance, {.at_least = 0, .at_most = 1},
               "Converged when the gradient's norm fell to this share of its first.");
  table.integer("max-iterations", options.max_iterations, {.at_least = 0}, "100; 100000 with lbfgs",
                "Steps at most.");
  table.duration(
      "time-limit", options.limits.time_limit_seconds,
      "End before an iteration that would pass this time since the solve began: seconds, h:mm:ss, or none.");
}

void add_method_details(OptionTable& table, MethodOptions& options) {
  table.group("Damping");
  DampingOptions& damping = options.damping;
  table.number("initial-shift", damping.initial_relative_shift, {.at_least = 0},
               "First shift of the Hessian, as a share of the mean absolute diagonal of the first Hessian.");
  table.number("accept-ratio", damping.accept_ratio, {.at_least = 0, .at_most = 1},
               "Accept a step above this ratio of actual to predicted decrease.");
  table.number("indefinite-factor", damping.indefinite_factor, {.at_least = 1, .above_least = true},
               "Shift times this when the shifted Hessian is not positive definite.");
  table.number("reject-factor", damping.reject_factor, {.at_least = 1, .above_least = true},
               "Shift times this when a step is rejected.");
  table.integer("max-trials", damping.max_trials, {.at_least = 1},
                "Shifts tried for one step before the solve gives up.");
  table.group("Newton-CG");
  table.number("largest-forcing", options.newton_cg.largest_forcing, {.at_least = 0, .at_most = 1},
               "Largest relative residual that conjugate gradients may stop at.");
  table.integer("max-products", options.newton_cg.most_products, {.at_least = 1},
                "Hessian-vector products of one step at most.");
  table.integer(
      "keep-preconditioner", options.newton_cg.preconditioner.keep, {.at_least = 0},
      "Steps that a preconditioner serves; 0: as long as conjugate gradients since took less time than "
      "making it.");
  table.group("L-BFGS");
  table.integer("keep-metric", options.lbfgs.keep_metric, {.at_least = 1}, "Steps.");
  table.integer("lbfgs-memory", options.lbfgs.memory, {.at_least = 1, .at_most = 1000}, "Pairs kept.");
}

MinimiseOptions limits_of(const MethodOptions& options) {
  MinimiseOptions limits = options.limits;
  limits.max_iterations = options.max_iterations.value_or(
      options.kind == SolveMethod::lbfgs ? most_cheap_steps : most_newton_steps);
  return limits;
}

OwnedMethod make_method(const LoadedProblem& loaded, const MethodOptions& options) {
  OwnedMethod owned;
  HessianOptions preconditioner = options.hessian;
  preconditioner.kind = options.preconditioner == HessianKind::automatic ? loaded.default_preconditioner()
                                                                         : options.preconditioner;
  switch (options.kind) {
    case SolveMethod::newton:
      owned.hessians.push_back(loaded.damped_hessian(options.hessian));
      owned.steps = std::make_unique<DampedNewton>(*owned.hessians.front(), options.damping);
      break;
    case SolveMethod::newton_cg: {
      owned.hessians.push_back(loaded.damped_hessian(preconditioner));
      NewtonCgOptions newton_cg = options.newton_cg;
      newton_cg.tolerance = options.limits.tolerance;
      newton_cg.damping = options.damping;
      owned.steps = std::make_unique<NewtonCg>(*owned.hessians.front(), newton_cg);
      break;
    }
    case SolveMethod::lbfgs:
      owned.hessians.push_back(loaded.damped_hessian(preconditioner));
      owned.steps = std::make_unique<Lbfgs>(options.lbfgs, options.preconditioner == HessianKind::kronecker
                                                               ? owned.hessians.front().get()
                                                               : nullptr);
      break;
  }
  return owned;
}

}  // namespace attnewton
