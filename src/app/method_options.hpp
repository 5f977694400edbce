// How a solve makes its steps: the options that say so, and the method they name.
#pragma once

#include <memory>
#include <vector>

#include "attnewton/solver/automatic.hpp"
#include "attnewton/solver/lbfgs.hpp"
#include "attnewton/solver/minimise.hpp"
#include "attnewton/solver/newton.hpp"
#include "attnewton/solver/newton_cg.hpp"

#include "loaded_problem.hpp"

namespace attnewton {

/// --method.
enum class SolveMethod { automatic, newton, newton_cg, lbfgs };

struct MethodOptions {
  SolveMethod kind = SolveMethod::automatic;
  HessianOptions hessian;
  HessianKind preconditioner = HessianKind::automatic;
  MinimiseOptions limits;  ///< but for max_iterations
  std::optional<Index> max_iterations;
  DampingOptions damping;
  NewtonCgOptions newton_cg;
  LbfgsOptions lbfgs;
};

/// Adds --method, --hessian and what goes with them. `options` must outlive the table's use.
void add_method_options(OptionTable& table, MethodOptions& options);

/// Adds the options of each method that few will want to change.
void add_method_details(OptionTable& table, MethodOptions& options);

/// The limits of a solve by that method.
MinimiseOptions limits_of(const MethodOptions& options);

/// Throws UsageError if the options do not fit the problem.
void check_method_options(const MethodOptions& options, const ProblemOptions& problem);

/// A step method with what it stands on.
struct OwnedMethod {
  std::vector<std::unique_ptr<DampedHessian>> hessians;
  std::vector<std::unique_ptr<StepMethod>> stages;  ///< of the automatic method
  std::unique_ptr<StepMethod> steps;
};

/// The method of the options for `loaded`, which must outlive it. Collective on the problem's communicator.
OwnedMethod make_method(const LoadedProblem& loaded, const MethodOptions& options);

}  // namespace attnewton
