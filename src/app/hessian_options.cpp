#include "hessian_options.hpp"

#include "attnewton/core/error.hpp"

namespace attnewton {

void add_hessian_options(OptionTable& table, HessianOptions& options, const OptionScope& scope) {
  table
      .choice<HessianKind>(
          "hessian", options.kind,
          {{"exact", HessianKind::exact},
           {"gauss-newton", HessianKind::gauss_newton},
           {"sampled", HessianKind::sampled}},
          "The Hessian; its Gauss–Newton part, which is never indefinite; or, with --problem regression, the "
          "Hessian summed over a random sample of rows, drawn anew each iteration.")
      .goes_with(scope);
  const OptionScope sampled{"--hessian sampled", [&options] { return options.kind == HessianKind::sampled; }};
  RowSamplingOptions& sampling = options.sampling;
  table
      .choice<RowSampling>("sampling", sampling.rule,
                           {{to_string(RowSampling::uniform), RowSampling::uniform},
                            {to_string(RowSampling::norm), RowSampling::norm},
                            {to_string(RowSampling::leverage), RowSampling::leverage}},
                           "How likely a row is to be taken: all alike, by its weighted norm, or by its "
                           "(approximate) leverage score.")
      .goes_with(sampled);
  table
      .integer("sketch-rows", sampling.rows, {.at_least = 0},
               "Rows of a sample, expected; 0: 8 d (1 + ln d). At n or more the Hessian is exact.")
      .goes_with(sampled);
}

void check_hessian_options(const HessianOptions& options, const ProblemOptions& problem) {
  if (options.kind == HessianKind::sampled && problem.kind != ProblemKind::regression)
    throw UsageError("--hessian sampled goes with --problem regression alone");
}

HessianForm form_of(const HessianOptions& options) {
  require(options.kind != HessianKind::sampled, "form_of: exact or Gauss–Newton");
  return options.kind == HessianKind::exact ? HessianForm::exact : HessianForm::gauss_newton;
}

}  // namespace attnewton
