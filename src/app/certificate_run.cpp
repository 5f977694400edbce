#include "certificate_run.hpp"

#include <algorithm>
#include <cstdio>
#include <optional>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"
#include "attnewton/curvature/hessian_distortion.hpp"
#include "attnewton/problems/context_shift.hpp"
#include "attnewton/solver/newton.hpp"

#include "certificate_text.hpp"
#include "run_setup.hpp"

namespace attnewton {
namespace {

// θ* must be known better than the errors that are measured against it.
constexpr double tolerance_of_solution = 1e-13;
constexpr Index most_iterations = 500;

// Draws of a random Hessian whose distortion is looked at: steps differ, the worst of some bounds most.
constexpr Index draws = 8;

// Of a file, also where it is called as a rule for starts is.
Vector read_point(const LoadedProblem& loaded, const std::string& path) {
  StartOptions point{{path}, 1};
  if (point.files().empty()) point.words = {"./" + path};
  return loaded.start(point);
}

struct Solution {
  Vector theta;
  SolveStatus status = SolveStatus::converged;
  std::string reason;
};

Solution find_solution(const LoadedProblem& loaded, const CertificateRunOptions& options,
                       const Vector& start) {
  Solution solution;
  if (!options.solution.empty()) {
    solution.theta = read_point(loaded, options.solution);
    return solution;
  }
  const auto exact = loaded.hessian({});
  NewtonOptions newton;
  newton.tolerance = tolerance_of_solution;
  newton.max_iterations = most_iterations;
  SolveSummary summary = minimise_by_newton(loaded.problem(), *exact, start, newton, {});
  solution.theta = summary.point->theta();
  solution.status = summary.status;
  solution.reason = summary.reason;
  return solution;
}

// The smallest ε₀ with (1 − ε₀)H ⪯ H̃ ⪯ (1 + ε₀)H at θ* for every draw looked at; none where H is not positive
// definite there.
std::optional<double> distortion_at(const Problem& problem, const HessianModel& exact,
                                    const HessianModel& approximate, const Vector& solution) {
  const auto grid = std::make_shared<ProcessGrid>(problem.comm());
  const Index unknowns = problem.unknowns();
  const auto point = problem.evaluate_fully(solution, Precision::full);
  DistributedMatrix h(grid, unknowns, unknowns);
  DistributedMatrix other(grid, unknowns, unknowns);
  exact.assemble(*point, 0, h);
  double worst = 0;
  for (Index draw = 0; draw < (approximate.is_random() ? draws : 1); ++draw) {
    approximate.assemble(*point, draw, other);
    const auto distortion = hessian_distortion(h, other);
    if (!distortion) return std::nullopt;
    worst = std::max(worst, *distortion);
  }
  return worst;
}

void print(const Communicator& comm, const std::string& text) {
  if (!comm.is_root()) return;
  fmt::print("{}", text);
  std::fflush(stdout);
}

void print_shifts(const LoadedProblem& loaded, const CertificateRunOptions& options, const Vector& start) {
  const auto* problem = dynamic_cast<const RegressionProblem*>(&loaded.problem());
  if (problem == nullptr) return;
  if (!options.shift_x.empty()) {
    const Vector moved = read_point(loaded, options.shift_x);
    print(problem->comm(), shift_text("x", options.shift_x, shift_of_unknowns(*problem, start, moved)));
  }
  if (!options.shift_a.empty()) {
    RowMatrix moved = loaded.read_moved_rows(options.shift_a);
    print(problem->comm(),
          shift_text("A", options.shift_a, shift_of_rows(*problem, start, std::move(moved))));
  }
}

}  // namespace

ExitCode run_certificate(const LoadedProblem& loaded, const CertificateRunOptions& options,
                         const Vector& start) {
  const Problem& problem = loaded.problem();
  print_shifts(loaded, options, start);
  const Solution solution = find_solution(loaded, options, start);
  const bool found = solution.status == SolveStatus::converged;
  if (!found) warn(problem.comm(), "the minimiser was not found to the end: " + solution.reason);
  const auto exact = loaded.hessian({});
  const auto approximate = loaded.hessian(options.hessian);
  CertificateOptions limits = options.limits;
  std::optional<double> distortion = 0;
  if (options.hessian.kind != HessianKind::exact)
    distortion = distortion_at(problem, *exact, *approximate, solution.theta);
  limits.contraction.distortion = distortion.value_or(std::numeric_limits<double>::infinity());
  const Certificate certificate = certify(problem, *exact, *approximate, start, solution.theta, limits);
  print(problem.comm(), certificate_text(certificate, {loaded.description(), approximate->name(), limits,
                                                       distortion, options.solution}));
  return found ? ExitCode::success : ExitCode::not_converged;
}

}  // namespace attnewton
