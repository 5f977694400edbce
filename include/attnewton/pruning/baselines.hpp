// Pruning by a score of each weight, the others being left as they are: magnitude and Wanda.
#pragma once

#include "attnewton/pruning/mask.hpp"

namespace attnewton {

/// Keeps the largest |W_ij| of the whole matrix (d_in × r), or of each N:M group: exactly round(ratio · size)
/// go. The published scripts' threshold takes one entry more. Local, O(d_in r); the same on every rank.
/// Errors of keep_largest().
PrunedMatrix prune_magnitude(const Matrix& weights, const Pattern& pattern, double ratio);

/// Wanda (Sun, Liu, Bair and Kolter, arXiv:2306.11695): keeps the largest |W_ij|·‖X_{*,i}‖₂ within each
/// output j, or within each N:M group of its inputs. `input_norms` holds ‖X_{*,i}‖₂ of the d_in inputs, in
/// any unit. As published, ⌊ratio · d_in⌋ of each output go. Local, O(d_in r). Errors of keep_largest();
/// InternalError if there is not one norm an input.
PrunedMatrix prune_wanda(const Matrix& weights, const Vector& input_norms, const Pattern& pattern,
                         double ratio);

}  // namespace attnewton
