// How a solve makes its steps: the options that say so, and what they come to.
#pragma once

#include <optional>

#include "attnewton/solver/lbfgs.hpp"
#include "attnewton/solver/minimise.hpp"
#include "attnewton/solver/newton_cg.hpp"

#include "hessian_options.hpp"

namespace attnewton {

/// --method.
enum class SolveMethod { automatic, newton, newton_cg, lbfgs };

struct MethodOptions {
  SolveMethod kind = SolveMethod::automatic;
  HessianOptions hessian;
  HessianKind preconditioner = HessianKind::automatic;
  MinimiseOptions limits;               ///< but for max_iterations
  std::optional<Index> max_iterations;  ///< none: by the method
  DampingOptions damping;
  NewtonCgOptions newton_cg;
  LbfgsOptions lbfgs;
};

/// Adds --method, --hessian and what goes with them. `options` and `problem` must outlive the table's use.
void add_method_options(OptionTable& table, MethodOptions& options, const ProblemOptions& problem);

/// Adds the options of each method that few will want to change.
void add_method_details(OptionTable& table, MethodOptions& options);

/// Adds --precision, which says what Hessians are computed in.
void add_hessian_precision(OptionTable& table, const MethodOptions& options, ProblemOptions& problem);

/// Throws UsageError if the options do not fit the problem.
void check_method_options(const MethodOptions& options, const ProblemOptions& problem);

/// Puts what they stand for in place of those defaults that depend on the method and on the problem.
void settle_method_options(MethodOptions& options, ProblemKind problem);

/// The limits of a solve by these options, which are settled.
MinimiseOptions limits_of(const MethodOptions& options);

/// The Hessians that a solve's methods stand on; none where it has no such method, or the method needs none.
struct MethodHessians {
  HessianKind newton = HessianKind::none;
  HessianKind newton_cg = HessianKind::none;  ///< the preconditioner
  HessianKind lbfgs = HessianKind::none;      ///< the metric

  bool contain(HessianKind kind) const { return newton == kind || newton_cg == kind || lbfgs == kind; }
};

/// Those of the options, once they are settled.
MethodHessians hessians_of(const MethodOptions& options, ProblemKind problem);

/// How many of them are assembled into matrices that a solve may come to hold at once.
Index assembled_hessians(const MethodHessians& hessians);

}  // namespace attnewton
