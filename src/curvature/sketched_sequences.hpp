// The rows of tensor sketches of an attention problem's sequences, spread over ranks. Internal to this
// module.
#pragma once

#include "attnewton/curvature/kronecker_weights.hpp"
#include "attnewton/curvature/tensor_sketched_hessian.hpp"

#include "kronecker_row_sums.hpp"

namespace attnewton {

/// Rows of scale · S_s (E₁^{1/2}A₁ ⊗ E₂^{1/2}A₂) of all sequences as pairs of factors, dealt to the ranks in
/// turn; of TensorSparse their spectra. `rows` of them over all sequences, and one or a block's rounding more
/// for each. Collective; the same sketches for any number of ranks.
KroneckerRows sketch_sequences(const AttentionProblem& problem, const KroneckerWeights& weights,
                               const TensorSketchOptions& options, Index rows, Index iteration);

}  // namespace attnewton
