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
  table.seed("seed", options.start.seed, "Seed of --init random and of sampled and sketched Hessians.");
  add_variables(table, options.problem);
  add_method_options(table, options.method, options.problem);
  add_hessian_precision(table, options.method, options.problem);
}

void add_running(OptionTable& table, SolveOptions& options) {
  table.group("Running and output");
  table.path("out", "DIR", options.out,
             "Folder for x.npy, y.npy (attention), standardisation.npy (with --standardise), result.json, "
             "iterations.jsonl, effective.ini and convergence.png.");
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
  add_method_details(table, options.method);
  add_running(table, options);
}

void check_solve_options(const SolveOptions& options) {
  check_problem_options(options.problem);
  check_method_options(options.method, options.problem);
  const bool is_attention = options.problem.kind == ProblemKind::attention;
  if (is_attention && options.reference.x.empty() != options.reference.y.empty())
    throw UsageError("--reference-x and --reference-y go together: give both or none");
  if (options.quiet && options.console.verbose)
    throw UsageError("--quiet and --verbose contradict each other: give one of them");
}

}  // namespace attnewton
