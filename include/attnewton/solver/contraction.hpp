// How fast approximate Newton steps approach a solution: measured, and as the theory predicts it
// (MATHEMATICS §7).
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "attnewton/curvature/hessian_model.hpp"

namespace attnewton {

/// What the predictions need of the objective near θ*.
struct LocalConstants {
  double smallest = 0;  ///< l = λ_min(H(θ*))
  double largest = 0;   ///< λ_max(H(θ*))
  /// M: the Hessian's Lipschitz constant on the ball about θ* that the start lies on; NaN: not known, and so
  /// no predictions.
  double lipschitz = std::numeric_limits<double>::quiet_NaN();
};

/// Bounds of ‖e_{t+1}‖/‖e_t‖ for a step from distance r with (1−ε₀)H ⪯ H̃ ⪯ (1+ε₀)H. Infinite where M r ≥ l:
/// the theory says nothing there. With q = M r/l:
struct PredictedFactors {
  double papers = 0;  ///< 2(ε₀ + M r/(l − M r)), 2-norm: as the papers print it, a factor √κ short
  double two_norm = 0;  ///< √κ_t ε₀/(1−ε₀) + M r/(2(1−ε₀)(l − M r)), κ_t = (λ_max + M r)/(l − M r)
  double h_norm = 0;  ///< √((1+q)/(1−q)) ε₀/(1−ε₀) + M r/(2(1−ε₀)(l − M r)), in ‖·‖_H, H = H(θ*)
};

/// The factors of a step from distance r. Local.
PredictedFactors predicted_factors(const LocalConstants& constants, double distortion, double distance);

/// θ_t, and the step that led to it (none to θ₀, whose factors are NaN).
struct ContractionStep {
  Index step = 0;
  double error = 0;     ///< r_t = ‖θ_t − θ*‖₂
  double error_h = 0;   ///< ‖θ_t − θ*‖_H, H = H(θ*); NaN where that is no norm
  double factor = 0;    ///< r_t/r_{t−1}
  double factor_h = 0;  ///< likewise in the H-norm
  /// Whether the error is well above what is known of θ*, so that the factors mean something.
  bool is_measured = true;
  PredictedFactors predicted;
};

enum class ContractionEnd {
  rounding,        ///< the error came down to what is known of θ* itself
  steps,           ///< all steps were taken
  indefinite,      ///< H̃ has no Cholesky factor at the last point
  outside_domain,  ///< a step left the objective's domain
};

struct Contraction {
  std::vector<ContractionStep> steps;  ///< from θ₀ on
  ContractionEnd end = ContractionEnd::steps;
  std::string reason;  ///< of the end, a sentence
  /// How far θ* may be from the minimiser: the length of the Newton step at θ*, and rounding of θ*. Errors
  /// near it, and factors made of them, tell nothing (is_measured).
  double solution_uncertainty = 0;
};

struct ContractionOptions {
  Index most_steps = 20;
  double distortion = 0;  ///< ε₀ of the Hessian model against the exact Hessian, for the predictions
};

/// Takes undamped steps θ_{t+1} = θ_t − H̃(θ_t)⁻¹ g(θ_t) from `start` with H̃ from `hessian`, and compares with
/// the minimiser `solution`, at which `h` is the exact Hessian (lower triangle). Everything in full
/// precision. Collective on the problem's communicator; a gradient, an assembly and a Cholesky factorisation
/// a step, and one more factorisation. Throws NumericalError if the objective is not finite at the start or
/// the solution.
Contraction measure_contraction(const Problem& problem, const HessianModel& hessian,
                                const DistributedMatrix& h, const Vector& start, const Vector& solution,
                                const LocalConstants& constants, const ContractionOptions& options);

}  // namespace attnewton
