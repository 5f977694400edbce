// How far a fitted head is from known weights, on what the data can tell apart.
#pragma once

#include "attnewton/problems/attention.hpp"

namespace attnewton {

/// Distances of (X, Y) from a reference (X*, Y*). Adding a constant to all logits of a row changes nothing,
/// and rows of A₁ or differences of keys that the data never shows leave X undetermined: `x_error_seen`
/// projects those directions out, `logit_error` weighs the rest by the data.
struct ReferenceErrors {
  double x_error = 0;  ///< ‖X − X*‖ / ‖X*‖, blind directions included
  double x_error_seen =
      0;  ///< ‖P₁(X − X*)P₂‖ / ‖P₁X*P₂‖: P₁ onto the span of the queries, P₂ onto that of the centred keys
  double logit_error = 0;   ///< the same of the logits, centred over each row's visible keys
  double y_error = 0;       ///< ‖Y − Y*‖ / ‖Y*‖, blind directions included
  double y_error_seen = 0;  ///< ‖P₃(Y − Y*)‖ / ‖P₃Y*‖, P₃ onto the span of the values
};

/// Collective on the problem's communicator; cost two products of size n·m·d and two d × d eigenproblems.
ReferenceErrors errors_against_reference(const AttentionProblem& problem, const AttentionPoint& point,
                                         const Matrix& x_reference, const Matrix& y_reference);

}  // namespace attnewton
