// SparseGPT: weights removed one input after the other, the later ones making good the error.
#pragma once

#include "attnewton/pruning/mask.hpp"

namespace attnewton {

/// The published script's values.
struct SparseGptOptions {
  double damping = 0.01;  ///< added to H's diagonal, as a share of its mean; not negative
  Index block = 128;      ///< inputs whose mask is chosen together; for N:M cut to a multiple of M
};

/// SparseGPT (Frantar and Alistarh, arXiv:2301.00774) on W (d_in × r), whose output is X W, as the published
/// script does it. H = 2XᵀX/n + damping · mean diag(H)·I of `input_gram` = XᵀX and n = `rows` of X over all
/// ranks; an input that is always 0 gets H_ii = 1 and weights 0. With H⁻¹ = UᵀU, U upper triangular, inputs
/// are swept in blocks. The unstructured mask of a block takes the weights whose saliency w²/U_qq² is at most
/// the ⌊ratio · size⌋-th (from 0) of all outputs' in the block: one entry a block more than ⌊ratio · size⌋,
/// as published, and more where saliencies tie. An N:M mask is chosen every M inputs as the sweep reaches
/// them. An input's error, (w − q)/U_qq, goes to the inputs after it by U's row. Local, O(d_in³ + d_in² r)
/// flops, the later inputs' updates on TBB's threads; the same on every rank given the same XᵀX, and the same
/// bits for any number of threads. Throws NumericalError if H is not positive definite or the result is not
/// finite; InternalError if the shapes do not fit, n < 1, or the ratio is outside [0, 1) or not the
/// pattern's.
PrunedMatrix prune_sparsegpt(const Matrix& weights, const Matrix& input_gram, Index rows,
                             const Pattern& pattern, double ratio, const SparseGptOptions& options = {});

}  // namespace attnewton
