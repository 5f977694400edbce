// Products of a dense or sparse matrix and a vector on TBB's threads.
#pragma once

#include "attnewton/linalg/sparse_rows.hpp"

namespace attnewton {

/// A x of A (n × d) and x ∈ R^d. Local, 2·entries flops; the same bits for any number of threads. Throws
/// InternalError if the shapes do not fit.
Vector multiply(const Matrix& a, const Vector& x);
Vector multiply(const SparseRows& a, const Vector& x);

/// Aᵀ u of A (n × d) and u ∈ R^n. Likewise; memory some tens of vectors as long as the result.
Vector multiply_transposed(const Matrix& a, const Vector& u);
Vector multiply_transposed(const SparseRows& a, const Vector& u);

}  // namespace attnewton
