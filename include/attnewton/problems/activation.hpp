// Activations σ of the two-layer regression's second layer (MATHEMATICS §2, "Two-layer").
#pragma once

#include "attnewton/problems/entrywise.hpp"

namespace attnewton {

/// σ(y): max(y, 0), y, tanh(y), 1/(1 + exp(−y)).
enum class Activation { relu, identity, tanh, sigmoid };

/// "relu", "identity", "tanh", "sigmoid".
const char* to_string(Activation activation);

/// σ, σ′ and σ″ of a vector of outputs.
using ActivationValues = EntrywiseValues;

/// σ, σ′ and σ″ at y. relu has no derivative at 0: σ′(0) counts as 0 there, one of its subgradients; σ″ is 0
/// on both sides and counts as 0 in between, so that a Hessian does not know of the corners of the loss.
/// Nothing overflows or cancels for any finite y. Local, O(m) with one or two elementary functions an entry,
/// on TBB's threads.
ActivationValues evaluate_activation(Activation activation, const Vector& y);

}  // namespace attnewton
