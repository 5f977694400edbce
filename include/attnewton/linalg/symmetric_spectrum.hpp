// Extreme eigenvalues of a distributed symmetric matrix.
#pragma once

#include "attnewton/linalg/lanczos.hpp"

namespace attnewton {

struct SpectrumOptions {
  /// Largest order whose eigenvalues are all computed; beyond it, Lanczos.
  Index largest_direct = 2048;
  LanczosOptions lanczos = {};
};

/// Both ends of the spectrum of symmetric H (lower triangle). Up to the largest direct order by ScaLAPACK's
/// pdsyev, eigenvalues alone: 4n³/3 flops over all ranks, a second matrix of H's distribution, no rank holds
/// it whole; the errors are then n roundings of ‖H‖. Beyond, by Lanczos from `start` (n numbers, the same on
/// every rank). Collective on H's grid. Throws NumericalError if an entry is not finite.
ExtremeEigenvalues extreme_eigenvalues(const DistributedMatrix& h, const Vector& start,
                                       const SpectrumOptions& options);

}  // namespace attnewton
