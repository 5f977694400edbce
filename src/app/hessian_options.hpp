// Which Hessian a solve assembles: the options that say so.
#pragma once

#include "attnewton/curvature/sampled_regression_hessian.hpp"

#include "problem_options.hpp"

namespace attnewton {

/// --hessian.
enum class HessianKind {
  exact,
  gauss_newton,
  sampled,
  tensor_srht,
  tensor_sparse,
  kronecker,
  y_block,
  none,
  automatic
};

struct HessianOptions {
  HessianKind kind = HessianKind::exact;
  RowSamplingOptions sampling;  ///< its seed is that of the command
};

/// Adds --hessian, which `scope` goes for, --sampling and --sketch-rows. `options` must outlive the table's
/// use.
void add_hessian_options(OptionTable& table, HessianOptions& options, const OptionScope& scope = {});

/// Throws UsageError if the problem has no such Hessian.
void check_hessian_options(const HessianOptions& options, const ProblemOptions& problem);

/// exact or gauss_newton as the library's models take it; throws InternalError for others.
HessianForm form_of(const HessianOptions& options);

}  // namespace attnewton
