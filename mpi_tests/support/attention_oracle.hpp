// The attention objective with its derivatives by hyper-dual numbers, and Gauss–Newton from the plain
// residual.
#pragma once

#include "support/hyper_dual.hpp"
#include "support/whole_attention.hpp"

namespace attnewton::testing_support {

/// L(X, Y), or φ(X) = min_Y L(X, Y) with the inner least-squares problem solved in the same numbers.
SecondOrder attention_oracle(const WholeAttention& whole, AttentionVariables variables, const Vector& theta);

/// JᵀJ + regulariser over (X, Y), J the Jacobian of the residual; with projected variables at the best Y for
/// X, and the Schur complement of that matrix.
Matrix gauss_newton_oracle(const WholeAttention& whole, AttentionVariables variables, const Vector& theta);

}  // namespace attnewton::testing_support
