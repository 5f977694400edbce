// What the papers' theory says of a solve, and how it turns out: is the start (l, M)-good, what would make it
// so, how fast does Newton's method converge from it (MATHEMATICS §2 and §7).
#pragma once

#include <optional>

#include "attnewton/curvature/singular_values.hpp"
#include "attnewton/problems/regression_bounds.hpp"
#include "attnewton/solver/contraction.hpp"

namespace attnewton {

struct CertificateOptions {
  double wanted_l = 0;   ///< l of H ⪰ l I; 0: λ_min(H(θ*)) less its error
  double epsilon = 0.1;  ///< ε of the (1 ± ε) substitute W² of Bz + W²
  ContractionOptions contraction = {};
  SpectrumOptions spectrum = {};
};

/// What is known of regressions on one vector alone.
struct RegressionCertificate {
  SingularValues a;
  RegressionNorms norms;
  LipschitzConstants lipschitz;  ///< on the ball about θ* that θ₀ lies on
  /// −b_lo I ⪯ Bz ⪯ b_hi I in closed form, at θ₀ and θ* (softmax of exp: everywhere), with the w² that it
  /// asks for; none where no closed form is known.
  std::optional<CurvatureBounds> closed_form;
  std::optional<WeightThresholds> closed_form_weights;
  CurvatureBounds at_start;  ///< measured: Bz's extreme eigenvalues at θ₀
  CurvatureBounds at_solution;
  WeightThresholds weights_at_start;  ///< of the measured bounds: sure at that point alone
  WeightThresholds weights_at_solution;
  double smallest_weight_squared = 0;  ///< min w_i² of the problem; 0 without weights
  double largest_weight_squared = 0;
};

/// Def. 14.1 with one constant M: is M ‖θ₀ − θ*‖ ≤ 0.1 l, and H(θ*) ⪰ l I?
struct Goodness {
  double log_lipschitz = 0;  ///< ln M
  double log_product = 0;    ///< ln(M ‖θ₀ − θ*‖); −∞ where θ₀ = θ*
  bool is_good = false;
  /// Largest distance of a good start: 0.1 l/M; it may underflow to 0.
  double good_radius = 0;
};

struct Certificate {
  Index unknowns = 0;
  ExtremeEigenvalues at_start;     ///< of H(θ₀)
  ExtremeEigenvalues at_solution;  ///< of H(θ*)
  double l = 0;         ///< the wanted l, or λ_min(H(θ*)) less its error; not positive: no l will do
  double distance = 0;  ///< ‖θ₀ − θ*‖
  double relative_gradient = 0;  ///< ‖g(θ*)‖/‖g(θ₀)‖; 0 where both are 0
  Contraction contraction;
  std::optional<RegressionCertificate> regression;
  std::optional<Goodness> good_by_papers;  ///< with the papers' M; regressions alone
  std::optional<Goodness> good_by_sharp;   ///< with the sharp M; likewise
  /// Lipschitz constant in X of H_xx at θ*'s Y; attention alone.
  std::optional<double> h_xx_lipschitz;
};

/// Def. 14.1 for given ln M. Local.
Goodness goodness(double log_lipschitz, double distance, double l, double smallest_eigenvalue);

/// The certificate of `start` for `problem`, whose minimiser `solution` was found before to tight tolerance.
/// `exact` assembles the Hessian itself, `approximate` the one whose steps are measured (it may be the same;
/// its ε₀ is options.contraction.distortion). Bounds are filled in for RegressionProblem, the H_xx constant
/// for AttentionProblem, the rest for any problem. Collective on the problem's communicator; two exact
/// assemblies, their eigenvalues, measure_contraction(); some three matrices of unknowns² numbers,
/// distributed. Throws NumericalError if the objective is not finite at start or solution, UsageError for
/// options that make no sense.
Certificate certify(const Problem& problem, const HessianModel& exact, const HessianModel& approximate,
                    const Vector& start, const Vector& solution, const CertificateOptions& options);

}  // namespace attnewton
