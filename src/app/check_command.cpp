// attnewton check: derivatives against central differences.
#include <algorithm>
#include <cstdio>
#include <memory>

#include <fmt/format.h>

#include "attnewton/problems/derivative_check.hpp"

#include "certificate_run.hpp"
#include "command.hpp"
#include "loaded_problem.hpp"
#include "run_setup.hpp"

namespace attnewton {
namespace {

// Errors of single precision grow with the logits and with the keys that are summed.
constexpr double tolerance_of_double = 1e-6;
constexpr double tolerance_of_mixed = 1e-4;

struct CheckOptions {
  ProblemOptions problem;
  StartOptions at;
  CertificateRunOptions certificate;
  DerivativeCheckOptions check;
  double tolerance = 0;  // 0: that of the precision
  Index threads = 0;
  std::string config;
};

class CheckCommand : public Command {
 public:
  CheckCommand()
      : table_("check",
               "Checks gradient, Hessian-vector product and assembled Hessian against differences, or "
               "certifies a start.") {
    add_problem_options(table_, options_.problem);
    table_.group("Check");
    add_variables(table_, options_.problem);
    add_precision(
        table_, options_.problem, with_problems(options_.problem, {ProblemKind::attention}),
        "Arithmetic of the derivatives that are checked: double, or mixed: tiles and exponentials in "
        "float. The loss that is differenced is in double.");
    add_start(table_, "at", options_.at, "Default: random; with --certificate that of solve --init.");
    table_.seed("seed", options_.check.seed,
                "Seed of the directions, of --at random and of sampled and sketched Hessians.");
    add_differences();
    add_certificate_options(table_, options_.certificate, options_.problem);
    table_.group("Running");
    add_config(table_, options_.config);
    add_threads(table_, options_.threads);
  }

  OptionTable& table() override { return table_; }
  void check_options() const override {
    table_.check_scopes();
    check_problem_options(options_.problem);
    const HessianOptions& hessian = options_.certificate.hessian;
    check_hessian(hessian.kind, hessian, options_.problem, "hessian");
  }
  ExitCode run(const Communicator& comm, const std::string& command_line) override;

 private:
  void add_differences();
  ExitCode check_differences(const LoadedProblem& loaded, const Vector& theta) const;

  CheckOptions options_;
  OptionTable table_;
};

void CheckCommand::add_differences() {
  const OptionScope scope = without_certificate(options_.certificate);
  table_.integer("directions", options_.check.directions, {.at_least = 1}, "Random directions to try.")
      .goes_with(scope);
  table_
      .number("step", options_.check.step, {.at_least = 0, .at_most = 1, .above_least = true},
              "Step of the fourth-order central difference, relative to 1 + the largest unknown.")
      .goes_with(scope);
  table_
      .number("tolerance", options_.tolerance, {.at_least = 0},
              fmt::format("Largest relative error that passes, above it the exit code is 5; 0: {:g}, or {:g} "
                          "in mixed precision.",
                          tolerance_of_double, tolerance_of_mixed))
      .goes_with(scope);
}

DerivativeErrors check_at(const LoadedProblem& loaded, const Vector& theta,
                          const DerivativeCheckOptions& options) {
  const Problem& problem = loaded.problem();
  const auto hessian = loaded.hessian({});
  const auto point = problem.evaluate(theta);
  DistributedMatrix h(std::make_shared<ProcessGrid>(problem.comm()), problem.unknowns(), problem.unknowns());
  // A point outside the domain has no Hessian; check_derivatives says so.
  if (point->objective().is_finite()) hessian->assemble(*point, 0, h);
  return check_derivatives(
      problem, theta, [&h](const Vector& v) { return symmetric_multiply(h, v); }, options);
}

double tolerance_of(const CheckOptions& options) {
  if (options.tolerance > 0) return options.tolerance;
  return options.problem.precision == Precision::mixed ? tolerance_of_mixed : tolerance_of_double;
}

// False for NaN as well.
bool passes(const DerivativeErrors& errors, double tolerance) {
  return errors.gradient <= tolerance && errors.hessian_vector <= tolerance &&
         errors.assembled_hessian <= tolerance;
}

ExitCode CheckCommand::run(const Communicator& comm, const std::string& /*command_line*/) {
  const RunSetup setup(comm, options_.threads);
  const std::unique_ptr<LoadedProblem> loaded = load_problem(comm, options_.problem);
  const bool has_another = options_.certificate.hessian.kind != HessianKind::exact;
  check_memory(comm, loaded->memory_bytes(has_another ? 2 : 1));
  options_.at.seed = options_.check.seed;
  if (options_.at.words.empty())
    options_.at.words = {options_.certificate.wanted ? loaded->default_start() : "random"};
  const Vector theta = loaded->start(options_.at);
  if (!options_.certificate.wanted) return check_differences(*loaded, theta);
  options_.certificate.hessian.seed = options_.check.seed;
  return run_certificate(*loaded, options_.certificate, theta);
}

ExitCode CheckCommand::check_differences(const LoadedProblem& loaded, const Vector& theta) const {
  const DerivativeErrors errors = check_at(loaded, theta, options_.check);
  const double tolerance = tolerance_of(options_);
  const bool passed = passes(errors, tolerance);
  if (loaded.problem().comm().is_root()) {
    fmt::print(
        "Largest relative errors over {} directions at {} ({} unknowns):\n"
        "  gradient                 {:.2e}\n"
        "  Hessian-vector product   {:.2e}\n"
        "  assembled Hessian        {:.2e}\n"
        "{} {:.1e}.\n",
        options_.check.directions, fmt::join(options_.at.words, " "), loaded.problem().unknowns(),
        errors.gradient, errors.hessian_vector, errors.assembled_hessian,
        passed ? "All are within the tolerance" : "FAILED: an error is above the tolerance", tolerance);
    std::fflush(stdout);
  }
  return passed ? ExitCode::success : ExitCode::numerical_failure;
}

}  // namespace

std::unique_ptr<Command> make_check_command() {
  return std::make_unique<CheckCommand>();
}

}  // namespace attnewton
