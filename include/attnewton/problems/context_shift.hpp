// In-context shift of a regression (2305.00660 Cor. F.2; MATHEMATICS §2): moving the unknowns, or the rows of
// A, is the same as moving the target.
#pragma once

#include "attnewton/problems/regression.hpp"

namespace attnewton {

/// Both sides of ‖b̃ − b‖ ≤ |α(A,x)⁻¹| · ‖c_moved − c‖. b̃ is the one target for which the problem that was not
/// moved has, at x, the moved problem's residual; with it the corollary holds with equality. With softmax,
/// where c = u/α − b is divided by α already, and with none, where nothing is, the factor is 1.
struct ContextShift {
  double target_shift = 0;    ///< left side: ‖b̃ − b‖, of b̃ itself
  double residual_shift = 0;  ///< right side: |α⁻¹| ‖c_moved − c‖
  /// ‖A x_moved − A x‖ or ‖(A_moved − A) x‖, and what the right side is at most because of it: the link's
  /// largest slope and value between the two z, row by row. Infinite where the rows in between leave the
  /// link's domain.
  double score_shift = 0;
  double residual_shift_bound = 0;
  double alpha = 1;     ///< α(A,x); 1 without normalisation
  Vector moved_target;  ///< b̃, local rows
};

/// The shift x → `moved` of the unknowns. Collective; 4·entries flops. Throws NumericalError if the objective
/// is not finite at one of them, or α = 0 where it is divided by.
ContextShift shift_of_unknowns(const RegressionProblem& problem, const Vector& x, const Vector& moved);

/// The shift A → `moved` of this rank's rows, of the same shape, at x. Collective; likewise. Throws DataError
/// if the shapes differ.
ContextShift shift_of_rows(const RegressionProblem& problem, const Vector& x, RowMatrix moved);

}  // namespace attnewton
