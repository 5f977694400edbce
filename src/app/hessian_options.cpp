#include "hessian_options.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"

namespace attnewton {
namespace {

bool is_tensor_sketch(HessianKind kind) {
  return kind == HessianKind::tensor_srht || kind == HessianKind::tensor_sparse;
}

// Whether a Hessian of that kind is wanted.
using InUse = std::function<bool(HessianKind)>;

void add_sampling(OptionTable& table, HessianOptions& options, const ProblemOptions& problem,
                  const InUse& in_use) {
  const OptionScope sampled{"a sampled Hessian", [in_use] { return in_use(HessianKind::sampled); }};
  const OptionScope of_attention{
      "a sampled Hessian and --problem attention",
      [in_use, &problem] { return problem.kind == ProblemKind::attention && in_use(HessianKind::sampled); }};
  table
      .choice<RowSampling>("sampling", options.sampling,
                           {{to_string(RowSampling::uniform), RowSampling::uniform},
                            {to_string(RowSampling::norm), RowSampling::norm},
                            {to_string(RowSampling::leverage), RowSampling::leverage}},
                           "How likely a row is to be taken: all alike, by the size of its term, or by its "
                           "(approximate) leverage score.")
      .goes_with(sampled);
  table
      .choice<SampledForm>(
          "sampled-form", options.sampled_form,
          {{"auto", SampledForm::automatic},
           {to_string(HessianForm::exact), SampledForm::exact},
           {to_string(HessianForm::gauss_newton), SampledForm::gauss_newton}},
          "Whether all second derivatives are sampled, or the Gauss-Newton part alone; auto: "
          "that part in a preconditioner, else all.")
      .goes_with(of_attention);
  table
      .flag("fixed-sample", options.fixed_sample,
            "Keep the sample's size, which otherwise grows as the gradient falls until it takes every row.")
      .goes_with(of_attention);
}

}  // namespace

std::string name_of(HessianKind kind) {
  switch (kind) {
    case HessianKind::automatic:
      return "auto";
    case HessianKind::exact:
      return "exact";
    case HessianKind::gauss_newton:
      return "gauss-newton";
    case HessianKind::sampled:
      return "sampled";
    case HessianKind::tensor_srht:
      return to_string(TensorSketch::srht);
    case HessianKind::tensor_sparse:
      return to_string(TensorSketch::sparse);
    case HessianKind::kronecker:
      return "kronecker";
    case HessianKind::y_block:
      return "y-block";
    case HessianKind::none:
      break;
  }
  return "none";
}

bool is_assembled(HessianKind kind) {
  return kind != HessianKind::kronecker && kind != HessianKind::y_block && kind != HessianKind::none;
}

std::vector<std::pair<std::string, HessianKind>> hessian_choices(const std::vector<HessianKind>& kinds) {
  std::vector<std::pair<std::string, HessianKind>> choices;
  choices.reserve(kinds.size());
  for (const HessianKind kind : kinds) choices.emplace_back(name_of(kind), kind);
  return choices;
}

void add_hessian_kind(OptionTable& table, HessianOptions& options, const std::vector<HessianKind>& kinds,
                      const OptionScope& scope) {
  std::string help =
      "exact: all second derivatives; gauss-newton: without those of the residual, never indefinite; "
      "sampled: "
      "summed over a random sample of rows (attention, regression); tensor-srht, tensor-sparse: a sketch of "
      "a "
      "Kronecker product with weights of rank one (Algorithm 1 of 2309.07418; attention)";
  if (std::find(kinds.begin(), kinds.end(), HessianKind::kronecker) != kinds.end())
    help += "; kronecker: that product itself, whose inverse is two small ones (attention)";
  table.choice<HessianKind>("hessian", options.kind, hessian_choices(kinds), help + ".").goes_with(scope);
}

void add_sketch_options(OptionTable& table, HessianOptions& options, const ProblemOptions& problem,
                        const InUse& in_use) {
  const auto is_sketched = [in_use] {
    return in_use(HessianKind::sampled) || in_use(HessianKind::tensor_srht) ||
           in_use(HessianKind::tensor_sparse);
  };
  table
      .integer(
          "sketch-rows", options.sketch_rows, {.at_least = 1}, "auto",
          "Rows of the sample (expected) or of the sketch; auto: from the width and --sketch-distortion; "
          "regressions: 8 d (1 + ln d). At n or more a sampled Hessian is exact.")
      .goes_with({"a sampled or sketched Hessian", is_sketched});
  table
      .number(
          "sketch-distortion", options.distortion, {.at_least = 0, .above_least = true},
          fmt::format("ε of the (1 ± ε) that the rows are chosen for, {} with a sample and {} with a sketch "
                      "if not given; 0.5 at most makes a Newton step converge without damping, more makes "
                      "it cheaper.",
                      AttentionSamplingOptions{}.epsilon, TensorSketchOptions{}.distortion))
      .goes_with({"a sampled or sketched Hessian, --problem attention and --sketch-rows auto",
                  [is_sketched, &options, &problem] {
                    return is_sketched() && problem.kind == ProblemKind::attention && !options.sketch_rows;
                  }});
  add_sampling(table, options, problem, in_use);
}

void check_hessian(HessianKind kind, const HessianOptions& options, const ProblemOptions& problem,
                   const std::string& option) {
  const bool is_attention = problem.kind == ProblemKind::attention;
  const bool fits_attention_alone =
      is_tensor_sketch(kind) || kind == HessianKind::kronecker || kind == HessianKind::y_block;
  if (fits_attention_alone && !is_attention)
    throw UsageError(fmt::format("--{} {} goes with --problem attention alone", option, name_of(kind)));
  if (kind == HessianKind::y_block && problem.variables != AttentionVariables::joint)
    throw UsageError(fmt::format(
        "--{} y-block goes with --variables joint alone: with projected ones there is no Y to solve for",
        option));
  if (kind == HessianKind::sampled && !is_attention && problem.kind != ProblemKind::regression)
    throw UsageError(fmt::format("--{} sampled goes with --problem attention or regression", option));
  if (is_tensor_sketch(kind) && options.distortion.value_or(0) > 1)
    throw UsageError(fmt::format("--sketch-distortion is {}, with --{} {} it must be at most 1",
                                 *options.distortion, option, name_of(kind)));
}

HessianForm form_of(const HessianOptions& options) {
  require(options.kind == HessianKind::exact || options.kind == HessianKind::gauss_newton,
          "form_of: exact or Gauss–Newton");
  return options.kind == HessianKind::exact ? HessianForm::exact : HessianForm::gauss_newton;
}

RowSamplingOptions regression_sampling(const HessianOptions& options) {
  return {options.sampling, options.sketch_rows.value_or(0), options.seed};
}

namespace {

HessianForm sampled_form(const HessianOptions& options) {
  if (options.sampled_form == SampledForm::automatic)
    return options.preconditions ? HessianForm::gauss_newton : HessianForm::exact;
  return options.sampled_form == SampledForm::exact ? HessianForm::exact : HessianForm::gauss_newton;
}

}  // namespace

AttentionSamplingOptions attention_sampling(const HessianOptions& options) {
  AttentionSamplingOptions sampling;
  sampling.rule = options.sampling;
  sampling.rows = options.sketch_rows.value_or(0);
  if (options.distortion) sampling.epsilon = *options.distortion;
  sampling.form = sampled_form(options);
  if (options.fixed_sample) {
    sampling.gradient_exponent = 0;
    sampling.iteration_growth = 1;
  }
  if (options.preconditions) sampling.iteration_growth = 1;
  sampling.seed = options.seed;
  return sampling;
}

TensorSketchOptions tensor_sketch(const HessianOptions& options) {
  TensorSketchOptions sketch;
  sketch.family = options.kind == HessianKind::tensor_srht ? TensorSketch::srht : TensorSketch::sparse;
  sketch.rows = options.sketch_rows.value_or(0);
  if (options.distortion) sketch.distortion = *options.distortion;
  sketch.seed = options.seed;
  return sketch;
}

}  // namespace attnewton
