// Which Hessian a solve assembles, or preconditions with: the options that say so.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "attnewton/curvature/sampled_attention_hessian.hpp"
#include "attnewton/curvature/sampled_regression_hessian.hpp"
#include "attnewton/curvature/tensor_sketched_hessian.hpp"

#include "problem_options.hpp"

namespace attnewton {

/// --hessian and --preconditioner, each of which has some of them.
enum class HessianKind {
  automatic,
  exact,
  gauss_newton,
  sampled,
  tensor_srht,
  tensor_sparse,
  kronecker,
  y_block,
  none
};

/// --sampled-form.
enum class SampledForm { automatic, exact, gauss_newton };

struct HessianOptions {
  HessianKind kind = HessianKind::exact;
  RowSampling sampling = RowSampling::leverage;
  std::optional<Index> sketch_rows;
  std::optional<double> distortion;  ///< ε that the rows are chosen for; none: each model's own default
  SampledForm sampled_form = SampledForm::automatic;
  bool fixed_sample = false;
  /// Whether conjugate gradients are preconditioned with it. A sample then grows with the gradient's fall
  /// alone, not with the steps taken, which may have been hundreds of cheap ones; and its form is by default
  /// Gauss–Newton's, which is never indefinite and costs half.
  bool preconditions = false;
  std::uint64_t seed = 0;
};

/// As --hessian and --preconditioner spell it.
std::string name_of(HessianKind kind);

/// Whether it is a matrix that is assembled and factored, rather than one whose inverse is cheap.
bool is_assembled(HessianKind kind);

/// Kinds with the names of --hessian and --preconditioner.
std::vector<std::pair<std::string, HessianKind>> hessian_choices(const std::vector<HessianKind>& kinds);

/// Adds --hessian with the choices `kinds`. `options` must outlive the table's use.
void add_hessian_kind(OptionTable& table, HessianOptions& options, const std::vector<HessianKind>& kinds,
                      const OptionScope& scope);

/// Adds --sampling, --sketch-rows and the like. `in_use` tells whether a Hessian of that kind is wanted.
/// `options` and `problem` must outlive the table's use.
void add_sketch_options(OptionTable& table, HessianOptions& options, const ProblemOptions& problem,
                        const std::function<bool(HessianKind)>& in_use);

/// Throws UsageError if the problem has no Hessian of that kind, or the options do not fit it. `option` names
/// the option that asked for it.
void check_hessian(HessianKind kind, const HessianOptions& options, const ProblemOptions& problem,
                   const std::string& option);

/// exact or gauss_newton as the library's models take it; throws InternalError for others.
HessianForm form_of(const HessianOptions& options);

/// What the options say to each model that draws at random.
RowSamplingOptions regression_sampling(const HessianOptions& options);
AttentionSamplingOptions attention_sampling(const HessianOptions& options);
TensorSketchOptions tensor_sketch(const HessianOptions& options);

}  // namespace attnewton
