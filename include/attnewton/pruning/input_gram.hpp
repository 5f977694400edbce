// What Wanda and SparseGPT know of a layer's inputs: XᵀX over the calibration rows of all ranks.
#pragma once

#include "attnewton/core/types.hpp"
#include "attnewton/parallel/communicator.hpp"

namespace attnewton {

/// XᵀX (d × d) of the inputs, one row of X a token: `rows` are this rank's (n_local × d, possibly none). The
/// same bits on every rank. Collective on `comm`: 2 n_local d² flops on TBB's threads and one reduction of d²
/// numbers. If not all ranks have as many columns each throws InternalError.
Matrix input_gram(const Communicator& comm, const Matrix& rows);

/// ‖X_{*,i}‖₂ of each input, from the diagonal of XᵀX. Local.
Vector input_norms(const Matrix& gram);

}  // namespace attnewton
