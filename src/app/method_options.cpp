#include "method_options.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "attnewton/core/error.hpp"

namespace attnewton {
namespace {

constexpr auto automatic = SolveMethod::automatic;
constexpr auto newton = SolveMethod::newton;
constexpr auto newton_cg = SolveMethod::newton_cg;
constexpr auto lbfgs = SolveMethod::lbfgs;

constexpr Index most_newton_steps = 100;
constexpr Index most_cheap_steps = 100000;

// What conjugate gradients are preconditioned with: attention has a Kronecker product that costs next to
// nothing.
HessianKind default_preconditioner(ProblemKind problem) {
  return problem == ProblemKind::attention ? HessianKind::kronecker : HessianKind::exact;
}

// What is so cheap that L-BFGS may use it as its metric.
HessianKind default_metric(ProblemKind problem) {
  return problem == ProblemKind::attention ? HessianKind::kronecker : HessianKind::none;
}

// What --method auto preconditions its last steps with.
HessianKind last_preconditioner(ProblemKind problem) {
  return problem == ProblemKind::attention ? HessianKind::sampled : HessianKind::exact;
}

const std::vector<std::pair<std::string, SolveMethod>>& methods() {
  static const std::vector<std::pair<std::string, SolveMethod>> all = {
      {"auto", automatic}, {"newton", newton}, {"newton-cg", newton_cg}, {"lbfgs", lbfgs}};
  return all;
}

OptionScope with_methods(const MethodOptions& options, const std::vector<SolveMethod>& kinds) {
  std::vector<std::string> names;
  for (const auto& [name, kind] : methods()) {
    if (std::find(kinds.begin(), kinds.end(), kind) != kinds.end()) names.push_back(name);
  }
  return {fmt::format("--method {}", fmt::join(names, ", ")),
          [&options, kinds] { return std::find(kinds.begin(), kinds.end(), options.kind) != kinds.end(); }};
}

void add_preconditioner(OptionTable& table, MethodOptions& options) {
  table
      .choice<HessianKind>(
          "preconditioner", options.preconditioner,
          hessian_choices({HessianKind::automatic, HessianKind::exact, HessianKind::gauss_newton,
                           HessianKind::sampled, HessianKind::tensor_srht, HessianKind::tensor_sparse,
                           HessianKind::kronecker, HessianKind::y_block, HessianKind::none}),
          "Hessian of an earlier point that conjugate gradients are preconditioned with, those of --hessian; "
          "y-block: that of Y alone (joint variables); auto: kronecker with attention, else exact. With "
          "lbfgs "
          "the metric: kronecker or none; auto: kronecker with attention, else none.")
      .goes_with(with_methods(options, {newton_cg, lbfgs}));
}

void add_damping(OptionTable& table, MethodOptions& options) {
  table.group("Damping");
  const OptionScope damped = with_methods(options, {automatic, newton, newton_cg});
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
}

void add_conjugate_gradients(OptionTable& table, MethodOptions& options) {
  table.group("Conjugate gradients");
  const OptionScope inexact = with_methods(options, {automatic, newton_cg});
  table
      .number("largest-forcing", options.newton_cg.largest_forcing,
              {.at_least = 0, .at_most = 0.99, .above_least = true},
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
}

// The Hessians that are computed in the precision asked for; others are in double throughout.
bool follows_precision(HessianKind kind) {
  return kind == HessianKind::exact || kind == HessianKind::gauss_newton || kind == HessianKind::sampled;
}

}  // namespace

void add_method_options(OptionTable& table, MethodOptions& options, const ProblemOptions& problem) {
  table.choice<SolveMethod>(
      "method", options.kind, methods(),
      "newton: damped Newton steps by factorisation of the Hessian; newton-cg: steps by conjugate gradients "
      "on exact Hessian-vector products; lbfgs: limited-memory BFGS; auto: the cheapest steps first, lbfgs "
      "and then newton-cg, or newton throughout where Hessians are cheap.");
  add_hessian_kind(table, options.hessian,
                   {HessianKind::exact, HessianKind::gauss_newton, HessianKind::sampled,
                    HessianKind::tensor_srht, HessianKind::tensor_sparse, HessianKind::kronecker},
                   with_methods(options, {newton}));
  add_preconditioner(table, options);
  add_sketch_options(table, options.hessian, problem, [&options, &problem](HessianKind kind) {
    return hessians_of(options, problem.kind).contain(kind);
  });
  table.number("tolerance", options.limits.tolerance, {.at_least = 0, .at_most = 1},
               "Converged when the gradient's norm fell to this share of its first.");
  table.integer(
      "max-iterations", options.max_iterations, {.at_least = 0},
      fmt::format("auto: {} with newton and newton-cg, else {}", most_newton_steps, most_cheap_steps),
      "Steps at most.");
  table.duration(
      "time-limit", options.limits.time_limit_seconds,
      "End before an iteration that would pass this time since the solve began: seconds, h:mm:ss, or none.");
}

void add_method_details(OptionTable& table, MethodOptions& options) {
  add_damping(table, options);
  add_conjugate_gradients(table, options);
  table.group("L-BFGS");
  table
      .integer("lbfgs-memory", options.lbfgs.memory, {.at_least = 1, .at_most = 1000},
               "Pairs of steps and gradient changes that are kept.")
      .goes_with(with_methods(options, {automatic, lbfgs}));
}

void add_hessian_precision(OptionTable& table, const MethodOptions& options, ProblemOptions& problem) {
  OptionScope scope = with_methods(options, {automatic, newton, newton_cg});
  const OptionScope of_problem = with_problems(problem, {ProblemKind::attention});
  scope.text = fmt::format("{} and {}", of_problem.text, scope.text);
  scope.holds = [of_problem, of_method = std::move(scope.holds)] {
    return of_problem.holds() && of_method();
  };
  add_precision(
      table, problem, scope,
      "Arithmetic of the Hessian: double, or mixed: tiles and exponentials in float, sums and linear "
      "algebra in double, until its rounding would hold the solve up. Loss and gradient are in "
      "double, and so are tensor-srht, tensor-sparse and kronecker.");
}

void check_method_options(const MethodOptions& options, const ProblemOptions& problem) {
  if (options.kind == newton) {
    check_hessian(options.hessian.kind, options.hessian, problem, "hessian");
    if (problem.precision == Precision::mixed && !follows_precision(options.hessian.kind))
      throw UsageError(fmt::format("--precision mixed: --hessian {} is in double throughout",
                                   name_of(options.hessian.kind)));
  }
  if (options.kind == newton_cg)
    check_hessian(options.preconditioner, options.hessian, problem, "preconditioner");
  if (options.kind != lbfgs) return;
  const HessianKind metric = options.preconditioner;
  if (metric != HessianKind::automatic && metric != HessianKind::none && metric != HessianKind::kronecker)
    throw UsageError(fmt::format("--preconditioner {}: with --method lbfgs it is auto, kronecker or none",
                                 name_of(metric)));
  check_hessian(metric, options.hessian, problem, "preconditioner");
}

void settle_method_options(MethodOptions& options, ProblemKind problem) {
  if (options.preconditioner == HessianKind::automatic)
    options.preconditioner =
        options.kind == lbfgs ? default_metric(problem) : default_preconditioner(problem);
  const bool is_newton = options.kind == newton || options.kind == newton_cg;
  if (!options.max_iterations) options.max_iterations = is_newton ? most_newton_steps : most_cheap_steps;
}

MinimiseOptions limits_of(const MethodOptions& options) {
  MinimiseOptions limits = options.limits;
  limits.max_iterations = options.max_iterations.value();
  return limits;
}

MethodHessians hessians_of(const MethodOptions& options, ProblemKind problem) {
  switch (options.kind) {
    case newton:
      return {.newton = options.hessian.kind};
    case newton_cg:
      return {.newton_cg = options.preconditioner};
    case lbfgs:
      return {.lbfgs = options.preconditioner};
    case automatic:
      break;
  }
  return {HessianKind::exact, last_preconditioner(problem), default_metric(problem)};
}

Index assembled_hessians(const MethodHessians& hessians) {
  std::set<HessianKind> kinds;
  for (const HessianKind kind : {hessians.newton, hessians.newton_cg, hessians.lbfgs}) {
    if (is_assembled(kind)) kinds.insert(kind);
  }
  return static_cast<Index>(kinds.size());
}

}  // namespace attnewton
