// Bounds of a regression's Hessian: how curved the loss is by scores, how large a regulariser convexity
// takes, and how fast the Hessian changes (MATHEMATICS §2, "Sharp bounds").
#pragma once

#include <optional>

#include "attnewton/problems/regression.hpp"

namespace attnewton {

/// What the bounds need of A and b.
struct RegressionNorms {
  Index rows = 0;                      ///< n, of all ranks
  double spectral = 0;                 ///< ‖A‖
  double smallest_singular = 0;        ///< σ_min(A)
  double largest_row = 0;              ///< max ‖a_i‖
  double row_radius = 0;               ///< max ‖a_i − ā‖, ā the mean row
  double target = 0;                   ///< ‖b‖
  double target_sum = 0;               ///< ‖b‖₁
  double target_least = 0;             ///< min b_i
  double target_most = 0;              ///< max b_i
  Vector row_norms = Vector::Zero(0);  ///< ‖a_i‖ of the local rows
};

/// The norms, given A's extreme singular values. Collective, 6·entries flops.
RegressionNorms regression_norms(const RegressionProblem& problem, double smallest_singular,
                                 double spectral_norm);

/// −low I ⪯ Bz ⪯ high I, Bz = ∇² of ½‖r‖² by the scores z.
struct CurvatureBounds {
  double low = 0;  ///< b_lo; below 0 where Bz is positive definite
  double high = 0;
};

/// The extreme eigenvalues of Bz at `point`, whatever link and normalisation. Collective;
/// extreme_score_curvature()'s cost.
CurvatureBounds measured_curvature(const RegressionProblem& problem, const RegressionPoint& point);

/// max c_i − min c_i of c = f − b at most, f any softmax: 1 + max b_i − min b_i. Local.
double softmax_residual_spread(const RegressionNorms& norms);

/// Closed forms. Softmax of exp, at every x: −0.2735 Δ_c I ⪯ Bz ⪯ (¼ + 0.2735 Δ_c) I with the spread Δ_c of
/// above, within [−1, 1.25] where b ≥ 0, ‖b‖₁ ≤ 1. Rescaled exp, cosh and sinh, at every x with ‖A‖ ≤ R, ‖x‖
/// ≤ R whose ‖c‖ is at most `residual_norm`. None for other pairs. Local.
std::optional<CurvatureBounds> closed_form_curvature(const RegressionProblem& problem,
                                                     const RegressionNorms& norms, double radius,
                                                     double residual_norm);

/// Weights w² that are large enough if every w_i² is as large.
struct WeightThresholds {
  double convexity = 0;   ///< for H ⪰ l I
  double substitute = 0;  ///< for (1−ε)(Bz+W²) ⪯ W² ⪯ (1+ε)(Bz+W²)
};

/// w² ≥ b_lo + (l − ridge)/σ_min(A)² and w² ≥ max{b_hi(1−ε)/ε, b_lo(1+ε)/ε}, at least 0; infinite where
/// σ_min(A) = 0 and the ridge is below l. Local.
WeightThresholds weight_thresholds(const CurvatureBounds& bounds, double wanted_l, double epsilon,
                                   double smallest_singular, double ridge);

/// A ball of unknowns.
struct Ball {
  Vector centre;
  double radius = 0;
};

/// Constants M with ‖H(x) − H(y)‖ ≤ M ‖x − y‖ for x, y in a ball. Weights and ridge do not enter.
struct LipschitzConstants {
  double radius = 0;     ///< R = max(‖A‖, ‖b‖, ‖x‖ in the ball)
  double log_paper = 0;  ///< ln of n^1.5 exp(20R²), with softmax times max(10, exp R²)²: the papers' order
  /// ln of the closed form: that of softmax of exp, which needs no ball, and of rescaled exp, cosh and sinh.
  std::optional<double> log_closed_form;
  double ball = 0;  ///< from the link's ranges over the ball; infinite where they leave its domain

  /// ln of the smaller of closed form and ball constant.
  double log_sharp() const;
  /// The same as a number; infinite if it overflows.
  double sharp() const;
};

/// MATHEMATICS §2, "Lipschitz constants of the Hessian". Collective; 2·entries flops, O(n_local) for the
/// ranges. Throws NumericalError if the objective is not finite at the centre.
LipschitzConstants lipschitz_constants(const RegressionProblem& problem, const RegressionNorms& norms,
                                       const Ball& ball);

}  // namespace attnewton
