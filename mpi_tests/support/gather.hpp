// Small distributed matrices made whole, for comparisons.
#pragma once

#include <span>

#include "attnewton/linalg/distributed_matrix.hpp"

namespace attnewton::testing_support {

/// All entries on every rank. Collective.
inline Matrix gather(const DistributedMatrix& distributed) {
  Matrix whole = Matrix::Zero(distributed.rows(), distributed.columns());
  for (Index j = 0; j < distributed.local().cols(); ++j) {
    for (Index i = 0; i < distributed.local().rows(); ++i) {
      whole(distributed.global_row(i), distributed.global_column(j)) = distributed.local()(i, j);
    }
  }
  distributed.grid()->comm().sum(whole);
  return whole;
}

/// The symmetric matrix whose lower triangle `distributed` holds, whole on every rank. Collective.
inline Matrix gather_symmetric(const DistributedMatrix& distributed) {
  const Matrix lower = gather(distributed);
  return lower.selfadjointView<Eigen::Lower>();
}

}  // namespace attnewton::testing_support
