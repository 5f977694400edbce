// An approximation of the Hessian that can be assembled into a distributed matrix.
#pragma once

#include <string>

#include "attnewton/linalg/distributed_matrix.hpp"
#include "attnewton/problems/problem.hpp"

namespace attnewton {

/// Which of a loss's second derivatives a Hessian that is put together from its structure holds.
enum class HessianForm {
  exact,
  gauss_newton,  ///< those of the residual left out: ⪰ 0
};

/// As --hessian spells it: "exact" or "gauss-newton".
inline const char* to_string(HessianForm form) {
  return form == HessianForm::exact ? "exact" : "gauss-newton";
}

class HessianModel {
 public:
  virtual ~HessianModel() = default;

  /// The name that --hessian gives it.
  virtual std::string name() const = 0;

  /// Overwrites the lower triangle of `h` (unknowns × unknowns) with this model's Hessian at `point`.
  /// Collective on the problem's communicator, which is that of h's grid.
  virtual void assemble(const Point& point, DistributedMatrix& h) const = 0;
};

}  // namespace attnewton
