// Dense eigenvalues for tests, compiled once.
#pragma once

#include "attnewton/core/types.hpp"

namespace attnewton::testing_support {

/// All eigenvalues of a symmetric matrix, rising.
Vector symmetric_eigenvalues(const Matrix& symmetric);

/// Largest |eigenvalue|.
double symmetric_norm(const Matrix& symmetric);

/// All singular values, falling.
Vector singular_values_of(const Matrix& a);

/// The lower Cholesky factor of a positive definite matrix.
Matrix cholesky_factor(const Matrix& positive);

}  // namespace attnewton::testing_support
