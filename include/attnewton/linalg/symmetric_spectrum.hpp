// Extreme eigenvalues of a distributed symmetric matrix.
#pragma once

#include "attnewton/linalg/lanczos.hpp"

namespace attnewton {

struct SpectrumOptions {
  /// Largest order for which a rank may hold the whole matrix, 32 MiB: for so small ones ScaLAPACK takes
  /// longer to send its messages than one core takes for the eigenvalues.
  Index largest_gathered = 2048;
  /// Largest order whose eigenvalues are all computed; beyond it, Lanczos.
  Index largest_direct = 3000;
  LanczosOptions lanczos = {};
};

/// Both ends of the spectrum of symmetric H (lower triangle). Up to the largest gathered order by LAPACK's
/// dsyev on rank 0, up to the largest direct order by ScaLAPACK's pdsyev, on a second matrix of H's
/// distribution: eigenvalues alone, 4n³/3 flops; the errors are then n roundings of ‖H‖. Beyond, by Lanczos
/// from `start` (n numbers, the same on every rank). Collective on H's grid. Throws NumericalError if an
/// entry is not finite.
ExtremeEigenvalues extreme_eigenvalues(const DistributedMatrix& h, const Vector& start,
                                       const SpectrumOptions& options);

/// All eigenvalues, rising, of a symmetric matrix that this rank holds, all of it finite (the lower triangle
/// is used), by LAPACK's dsyev: 4n³/3 flops. Local, callable inside a TBB task. Throws NumericalError if they
/// do not converge or an entry is not finite.
Vector all_eigenvalues(Matrix symmetric);

}  // namespace attnewton
