#include "certificate_options.hpp"

namespace attnewton {

OptionScope with_certificate(const CertificateRunOptions& options) {
  return {"--certificate", [&options] { return options.wanted; }};
}

OptionScope without_certificate(const CertificateRunOptions& options) {
  return {"derivatives (without --certificate)", [&options] { return !options.wanted; }};
}

void add_certificate_options(OptionTable& table, CertificateRunOptions& options,
                             const ProblemOptions& problem) {
  const OptionScope scope = with_certificate(options);
  table.group("Certificate");
  table.flag(
      "certificate", options.wanted,
      "Print what the theory says of a solve from --at: eigenvalues of the Hessian, l, M and whether the "
      "start is (l, M)-good, the weights that would make it so, and predicted and measured contraction.");
  table
      .path("solution", "FILE", options.solution,
            "The minimiser, as solve wrote it to x.npy (attention: with projected variables); found by "
            "Newton's "
            "method from --at if not given.")
      .goes_with(scope);
  table
      .number("l", options.limits.wanted_l, {.at_least = 0},
              "l of H ⪰ l I that the certificate asks for; 0: the smallest eigenvalue at the minimiser.")
      .goes_with(scope);
  table
      .number("epsilon", options.limits.epsilon, {.at_least = 0, .at_most = 1, .above_least = true},
              "ε of the weights W² that are a (1 ± ε) substitute of the diagonal.")
      .goes_with(scope);
  table
      .integer("steps", options.limits.contraction.most_steps, {.at_least = 1, .at_most = 1000},
               "Undamped steps at most whose contraction is measured.")
      .goes_with(scope);
  add_hessian_kind(table, options.hessian,
                   {HessianKind::exact, HessianKind::gauss_newton, HessianKind::sampled,
                    HessianKind::tensor_srht, HessianKind::tensor_sparse},
                   scope);
  add_sketch_options(table, options.hessian, problem,
                     [&options](HessianKind kind) { return options.wanted && options.hessian.kind == kind; });
  const OptionScope shifts{"--certificate and --problem regression", [&options, &problem] {
                             return options.wanted && problem.kind == ProblemKind::regression;
                           }};
  table
      .path("shift-a", "FILE", options.shift_a,
            "In-context shift (2305.00660, Cor. F.2): a moved A, prepared as A is; both sides are printed.")
      .goes_with(shifts);
  table.path("shift-x", "FILE", options.shift_x, "The same for a moved x.").goes_with(shifts);
}

}  // namespace attnewton
