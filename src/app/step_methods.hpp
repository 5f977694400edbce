// The method that the options of a solve name, made for a problem.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "attnewton/solver/step_method.hpp"

#include "loaded_problem.hpp"
#include "method_options.hpp"

namespace attnewton {

/// A step method with what it stands on.
struct OwnedMethod {
  std::map<HessianKind, std::unique_ptr<DampedHessian>> hessians;
  std::vector<std::unique_ptr<StepMethod>> stages;  ///< of the automatic method
  std::unique_ptr<StepMethod> steps;
};

/// The method of the options, which are settled, for `loaded`, which must outlive it. Collective on the
/// problem's communicator.
OwnedMethod make_method(const LoadedProblem& loaded, ProblemKind problem, const MethodOptions& options);

}  // namespace attnewton
