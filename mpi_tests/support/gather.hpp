// Small distributed matrices from whole ones, and made whole for comparisons.
#pragma once

#include <memory>
#include <span>

#include "attnewton/linalg/distributed_matrix.hpp"

namespace attnewton::testing_support {

/// All ranks of the job. Collective.
inline std::shared_ptr<const ProcessGrid> grid_of_test() {
  return std::make_shared<ProcessGrid>(Communicator::world());
}

/// Each rank's tiles of a matrix that is whole on every rank. Local.
inline DistributedMatrix distributed(const Matrix& whole, Index block,
                                     const std::shared_ptr<const ProcessGrid>& grid = grid_of_test()) {
  DistributedMatrix matrix(grid, whole.rows(), whole.cols(), block);
  for (Index j = 0; j < matrix.local().cols(); ++j) {
    for (Index i = 0; i < matrix.local().rows(); ++i) {
      matrix.local()(i, j) = whole(matrix.global_row(i), matrix.global_column(j));
    }
  }
  return matrix;
}

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
