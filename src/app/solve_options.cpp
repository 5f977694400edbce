#include "solve_options.hpp"

#include "attnewton/core/error.hpp"

#include "run_setup.hpp"

namespace attnewton {
namespace {

void add_method(OptionTable& table, SolveOptions& options) {
  table.group("Method");
  add_start(table, "init", options.start,
            "Default: least-squares with attention; with regressions zero, or random for cosh, sinh, power "
            "and a normalised identity.");
  table.seed("seed", options.start.seed, "Seed of --init random and of --hessian sampled.");
  add_variables(table, options.problem);
  table.choice<SolveMethod>("method", options.method, {{"newton", SolveMethod::newton}},
                            "Damped Newton steps by Cholesky factorisation of the assembled Hessian.");
  add_hessian_options(table, options.hessian);
  add_precision(
      table, options.problem,
      "Arithmetic of the Hessian: double, or mixed: tiles and exponentials in float, sums and linear "
      "algebra in double, until its rounding would hold the solve up. Loss and gradient are in double.");
  table.number("tolerance", options.newton.tolerance, {.at_least = 0, .at_most = 1},
               "Converged when the gradient's norm fell to this share of its first.");
  table.integer("max-iterations", options.newton.max_iterations, {.at_least = 0}, "Steps at most.");
  table.duration(
      "time-limit", options.newton.time_limit_seconds,
      "End before an iteration that would pass this time since the solve began: seconds, h:mm:ss, or none.");
}

void add_damping(OptionTable& table, DampingOptions& damping) {
  table.group("Damping");
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
}

void add_running(OptionTable& table, SolveOptions& options) {
  table.group("Running and output");
  table.path("out", "DIR", options.out,
             "Folder for x.npy, y.npy (attention), standardisation.npy (with --standardise), result.json, "
             "iterations.jsonl, "
             "effective.ini "
             "and convergence.png.");
  table.path("reference-x", "FILE", options.reference.x,
             "Known X, or x, to compare with at the end; with attention it needs --reference-y.");
  table.path("reference-y", "FILE", options.reference.y, "Known Y to compare with.")
      .goes_with(with_problems(options.problem, {ProblemKind::attention}));
  add_config(table, options.config);
  add_threads(table, options.threads);
  table.integer("log-every", options.console.log_every, {.at_least = 1}, "Print every N-th iteration.");
  table.flag("quiet", options.quiet, "Print warnings and errors only.");
  table.flag("verbose", options.console.verbose, "Print more about each iteration, and where the time went.");
}

}  // namespace

void add_solve_options(OptionTable& table, SolveOptions& options) {
  add_problem_options(table, options.problem);
  add_method(table, options);
  add_damping(table, options.newton.damping);
  add_running(table, options);
}

void check_solve_options(const SolveOptions& options) {
  check_problem_options(options.problem);
  check_hessian_options(options.hessian, options.problem);
  const bool is_attention = options.problem.kind == ProblemKind::attention;
  if (is_attention && options.reference.x.empty() != options.reference.y.empty())
    throw UsageError("--reference-x and --reference-y go together: give both or none");
  if (options.quiet && options.console.verbose)
    throw UsageError("--quiet and --verbose contradict each other: give one of them");
}

}  // namespace attnewton
