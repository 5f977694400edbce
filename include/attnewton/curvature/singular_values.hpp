// Singular values of a tall matrix whose rows are spread over ranks.
#pragma once

#include "attnewton/linalg/row_matrix.hpp"
#include "attnewton/linalg/symmetric_spectrum.hpp"

namespace attnewton {

/// Extreme singular values of the tall A whose rows are spread over ranks.
struct SingularValues {
  double smallest = 0;  ///< σ_min; 0 where AᵀA's eigenvalue is within its error, and where A has fewer rows
                        ///< than columns
  double largest = 0;       ///< ‖A‖
  ExtremeEigenvalues gram;  ///< of AᵀA: how they were found, with their errors
};

/// From the eigenvalues of AᵀA. Squaring costs half of the digits at the small end: σ_min is known to some
/// ε‖A‖²/σ_min, and not at all below 1e-8 ‖A‖ (√d times that for d columns; √tolerance ‖A‖ by Lanczos). Up to
/// options.largest_direct columns the Gram matrix is made and all its eigenvalues computed; beyond, Lanczos
/// on v ↦ Aᵀ(A v), 4·entries flops a step. Collective on the
/// grid, over whose ranks the rows are spread.
SingularValues singular_values(const std::shared_ptr<const ProcessGrid>& grid, const RowMatrix& a,
                               const SpectrumOptions& options);

/// A start vector of Lanczos' method, the same on every rank.
Vector lanczos_start(Index size);

}  // namespace attnewton
