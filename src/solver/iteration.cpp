#include "attnewton/solver/iteration.hpp"

namespace attnewton {

std::string to_string(SolveStatus status) {
  switch (status) {
    case SolveStatus::converged:
      return "converged";
    case SolveStatus::max_iterations:
      return "max_iterations";
    case SolveStatus::time_limit:
      return "time_limit";
    case SolveStatus::stopped:
      return "stopped";
    case SolveStatus::numerical_failure:
      return "numerical_failure";
  }
  return "unknown";
}

}  // namespace attnewton
