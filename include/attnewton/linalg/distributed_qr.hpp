// The triangular factor R of a distributed tall matrix (ScaLAPACK pdgeqrf) and solves with it.
#pragma once

#include "attnewton/linalg/distributed_matrix.hpp"

namespace attnewton {

/// M = Q R of M (m × d, m ≥ d > 0, full column rank), of which R is kept: unique, its diagonal being taken as
/// positive.
class DistributedQr {
 public:
  /// Collective; 2 d² (m − d/3) flops over all ranks, in place.
  explicit DistributedQr(DistributedMatrix m);

  /// R⁻¹ B of B (d × k), B and the result whole on every rank. Not finite where M lacks full column rank.
  /// Collective; d² k flops over all ranks.
  Matrix solve_r(const Matrix& b) const;

 private:
  DistributedMatrix factor_;
  Vector signs_;  // of the diagonal that pdgeqrf left, 1 or −1
};

}  // namespace attnewton
