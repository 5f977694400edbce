#include "certificate_text.hpp"

#include <cmath>

#include <fmt/format.h>

namespace attnewton {
namespace {

// e^log, also where that is no double: "3.21e+1200".
std::string exponential_text(double log) {
  if (std::isnan(log)) return "not known";
  if (std::isinf(log)) return log > 0 ? "infinite" : "0";
  const double decades = log / std::log(10.0);
  const double whole = std::floor(decades);
  return fmt::format("{:.2f}e{:+03.0f}", std::pow(10.0, decades - whole), whole);
}

std::string number(double value) {
  return std::isnan(value) ? "-" : std::isinf(value) ? "infinite" : fmt::format("{:.3e}", value);
}

std::string spectrum_text(const char* where, const ExtremeEigenvalues& spectrum) {
  const std::string how = spectrum.is_direct ? std::string("all eigenvalues computed")
                                             : fmt::format("{} Lanczos steps{}", spectrum.steps,
                                                           spectrum.is_converged ? "" : ", not converged");
  return fmt::format("  at {:<9} λ_min {:+.4e} (± {:.0e}), λ_max {:+.4e} (± {:.0e}); {}\n", where,
                     spectrum.smallest, spectrum.smallest_error, spectrum.largest, spectrum.largest_error,
                     how);
}

std::string goodness_text(const char* name, const std::optional<Goodness>& good, double l) {
  if (!good) return {};
  const double log_radius = std::log(0.1 * l) - good->log_lipschitz;
  const std::string radius = !(l > 0) ? std::string("there is no l > 0")
                             : std::isinf(log_radius)
                                 ? std::string("good from anywhere")
                                 : "good within " + exponential_text(log_radius) + " of θ*";
  return fmt::format("  {:<12} M = {:<12} M‖θ₀ − θ*‖ = {:<12} {} ({})\n", name,
                     exponential_text(good->log_lipschitz), exponential_text(good->log_product),
                     good->is_good ? "good: at most 0.1 l" : "NOT good", radius);
}

std::string bounds_text(const char* name, const CurvatureBounds& bounds, const WeightThresholds& weights) {
  if (std::isinf(bounds.high))
    return fmt::format("  {:<24}overflows: the norms of A and b are too large for it\n", name);
  return fmt::format(
      "  {:<24}{:.4g} I ⪯ Bz ⪯ {:.4g} I: H ⪰ l I from w² = {}, (1 ± ε) substitute from w² = {}\n", name,
      0 - bounds.low, bounds.high, number(weights.convexity), number(weights.substitute));
}

std::string regression_text(const RegressionCertificate& regression, const CertificateOptions& options) {
  std::string text = fmt::format(
      "A: σ_min {:.4e}, ‖A‖ {:.4e}; ‖b‖ {:.4e}; R = {:.4e}; w² of the problem {}\n", regression.a.smallest,
      regression.a.largest, regression.norms.target, regression.lipschitz.radius,
      regression.largest_weight_squared == regression.smallest_weight_squared
          ? fmt::format("{:.3g}", regression.largest_weight_squared)
          : fmt::format("{:.3g} to {:.3g}", regression.smallest_weight_squared,
                        regression.largest_weight_squared));
  text += fmt::format("Weights that the certificate asks for (ε = {:g}):\n", options.epsilon);
  if (regression.closed_form)
    text += bounds_text("closed form", *regression.closed_form, *regression.closed_form_weights);
  text += bounds_text("measured at the start", regression.at_start, regression.weights_at_start);
  text += bounds_text("measured at θ*", regression.at_solution, regression.weights_at_solution);
  return text;
}

std::string step_text(const ContractionStep& step) {
  if (step.step == 0) return fmt::format("{:>4}  {:.3e}  {}\n", 0, step.error, number(step.error_h));
  const auto factor = [&step](double value) {
    return std::isnan(value) ? std::string("-") : fmt::format("{:.2e}{}", value, step.is_measured ? "" : "*");
  };
  return fmt::format("{:>4}  {:.3e}  {:<9}  {:>9}  {:>9}  {:>9}   {:>9}  {:>9}\n", step.step, step.error,
                     number(step.error_h), factor(step.factor), number(step.predicted.two_norm),
                     number(step.predicted.papers), factor(step.factor_h), number(step.predicted.h_norm));
}

std::string contraction_text(const Contraction& run, const CertificateSetting& setting) {
  std::string text = fmt::format("Undamped steps with the {} Hessian", setting.hessian);
  if (setting.distortion) {
    text += fmt::format(", ε₀ = {:.3g}", *setting.distortion);
    if (*setting.distortion > 0 && *setting.distortion < 1)
      text += fmt::format(" (ε₀/(1 − ε₀) = {:.3g})", *setting.distortion / (1 - *setting.distortion));
  } else {
    text += ", whose distortion is not defined: the exact one is not positive definite at θ*";
  }
  text +=
      ":\n                           2-norm factor                      H-norm factor\n"
      "step  ‖e‖₂       ‖e‖_H      measured   predicted  papers'    measured   predicted\n";
  bool has_unmeasured = false;
  bool has_no_prediction = false;
  for (const ContractionStep& step : run.steps) {
    text += step_text(step);
    has_unmeasured = has_unmeasured || !step.is_measured;
    has_no_prediction = has_no_prediction || (step.step > 0 && std::isinf(step.predicted.h_norm));
  }
  if (has_unmeasured)
    text += fmt::format("* near what is known of θ*, {:.1e}: tells nothing\n", run.solution_uncertainty);
  if (has_no_prediction)
    text +=
        "infinite: M‖e‖ ≥ l or ε₀ ≥ 1, where the theory says nothing; near enough to θ* the H-norm factor is "
        "ε₀/(1 − "
        "ε₀)\n";
  return text + fmt::format("Ended: {}.\n", run.reason);
}

}  // namespace

std::string certificate_text(const Certificate& certificate, const CertificateSetting& setting) {
  std::string text = fmt::format("Certificate: {}, {} unknowns\n", setting.problem, certificate.unknowns);
  text += fmt::format("θ* {}; ‖θ₀ − θ*‖ = {:.4e}, gradient there {:.1e} of that at θ₀\n",
                      setting.solution.empty() ? std::string("was found by Newton's method from θ₀")
                                               : "is " + setting.solution,
                      certificate.distance, certificate.relative_gradient);
  text += "Eigenvalues of the Hessian:\n" + spectrum_text("the start", certificate.at_start) +
          spectrum_text("θ*", certificate.at_solution);
  text += fmt::format("l = {:.4e}{}\n", certificate.l,
                      certificate.l > 0 ? "" : ": not positive, so that no l will do");
  if (certificate.regression) text += regression_text(*certificate.regression, setting.options);
  if (certificate.good_by_papers || certificate.good_by_sharp) {
    text += "(l, M)-good (Def. 14.1): H(θ*) ⪰ l I and M‖θ₀ − θ*‖ ≤ 0.1 l?\n";
    text += goodness_text("papers' M", certificate.good_by_papers, certificate.l);
    text += goodness_text("sharp M", certificate.good_by_sharp, certificate.l);
  }
  if (certificate.h_xx_lipschitz)
    text += fmt::format("Lipschitz constant of H_xx in X, Y fixed: {:.3e}\n", *certificate.h_xx_lipschitz);
  return text + contraction_text(certificate.contraction, setting);
}

std::string shift_text(const std::string& what, const std::string& file, const ContextShift& shift) {
  return fmt::format(
      "In-context shift of {} to {} at θ₀ (2305.00660, Cor. F.2), α = {:.4e}:\n"
      "  left side   ‖b̃ − b‖ = {:.6e}\n"
      "  right side  |α⁻¹| ‖c_moved − c‖ = {:.6e}, at most {} as the scores move by {:.4e}\n",
      what, file, shift.alpha, shift.target_shift, shift.residual_shift, number(shift.residual_shift_bound),
      shift.score_shift);
}

}  // namespace attnewton
