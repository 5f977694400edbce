// Levenberg–Marquardt control of the shift μ in (H + D) step = −g, D = μ on the damped unknowns.
#pragma once

#include "attnewton/core/types.hpp"

namespace attnewton {

/// How μ moves. The defaults are those that recover real heads from X = 0 (MATHEMATICS §7).
struct DampingOptions {
  double initial_relative_shift = 1e-2;  ///< μ₀ as a share of the mean absolute diagonal of the first H
  double accept_ratio = 1e-4;            ///< a step is accepted above this actual/predicted decrease
  double indefinite_factor = 4;          ///< μ times this when H + D has no Cholesky factor
  double reject_factor = 3;              ///< μ times this when a step is rejected
  Index max_trials = 60;                 ///< shifts tried for one step before the solve gives up
};

/// The shift μ of one solve. A value; the same on every rank since all decide from the same numbers.
class Damping {
 public:
  Damping(const DampingOptions& options, double mean_abs_diagonal);

  double shift() const { return shift_; }
  bool accepts(double ratio) const { return ratio > options_.accept_ratio; }

  /// H + D had no Cholesky factor.
  void raise_for_indefinite();
  /// The step was rejected.
  void raise_for_rejection();
  /// μ is at least `smallest`: less is known not to do.
  void raise_to(double smallest);
  /// μ is at most `largest` from here on: what raised it is gone.
  void limit_to(double largest);
  /// The step was accepted with this actual/predicted decrease and took the gradient's norm to
  /// `gradient_gain` times what it was: × 0.1 above 0.9, × 0.3 above 0.5, × 1 above 0.2, else × 2. Above 0.9
  /// a gradient that falls faster than the shift takes it along: μ = O(‖g‖) is what makes the end quadratic
  /// (Levenberg–Marquardt's local theory).
  void adapt_after(double ratio, double gradient_gain);

 private:
  DampingOptions options_;
  double floor_;  ///< the smallest shift to raise from, once μ fell to nothing
  double shift_;
};

}  // namespace attnewton
