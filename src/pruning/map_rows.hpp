// The arithmetic of one row of an attention map: softmax, errors, and what its Jacobian J = diag f − f fᵀ
// makes of them. Rows have `count` numbers; everything is local, one thread.
#pragma once

#include "attnewton/core/types.hpp"

namespace attnewton {

/// `s` = softmax of its first `visible` entries, 0 beyond. Returns their log-sum-exp: not finite where one of
/// them is none (−∞ among finite ones counts as a number).
double softmax_row(double* s, Index visible, Index count);

/// `s` = exp(s − log_sum) of its first `visible` entries, 0 beyond.
void probabilities_row(double* s, Index visible, Index count, double log_sum);

/// ‖f − e‖².
double squared_distance(const double* f, const double* e, Index count);

/// p = J(f − e): p = f∘(c − s), c = f − e, s = ⟨f, c⟩. Returns ‖c‖².
double residual_by_jacobian(const double* f, const double* e, Index count, double* p);

/// d = J J d: the derivative of J c in the direction d of the logits, without that of J.
void gauss_newton_by_jacobian(const double* f, Index count, double* d);

/// d = the derivative of J(f − e) in the direction d of the logits: dF = J d; dF∘(c − s) + f∘(dF − ds), ds =
/// ⟨dF, c⟩ + ⟨f, dF⟩. With `p`: p = J(f − e) as well.
void residual_derivative(const double* f, const double* e, Index count, double* d, double* p);

/// Σf², and ω = tr J² = Σf² − 2Σf³ + (Σf²)²; squares = f².
struct RowMoments {
  double square = 0;
  double weight = 0;
};
RowMoments moments_of_row(const double* f, Index count, double* squares);

}  // namespace attnewton
