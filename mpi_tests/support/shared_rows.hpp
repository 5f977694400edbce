// Tall matrices held whole by every rank, for tests: each rank's share of their rows, dense or sparse.
#pragma once

#include "attnewton/linalg/row_matrix.hpp"
#include "attnewton/parallel/communicator.hpp"

namespace attnewton::testing_support {

enum class Storage { dense, sparse };

/// The rows of `rank`: of three ranks or more rank 1 has none, the others share them.
inline Range rows_of_rank(Index rows, int ranks, int rank) {
  const bool one_is_empty = ranks > 2;
  const Index holders = one_is_empty ? ranks - 1 : ranks;
  const auto before = [&](int r) { return rows * (one_is_empty && r > 1 ? r - 1 : r) / holders; };
  return {before(rank), before(rank + 1)};
}

/// The non-zero entries of rows.
inline SparseRows compress(const Matrix& a) {
  SparseRows rows;
  rows.columns = a.cols();
  for (Index i = 0; i < a.rows(); ++i) {
    for (Index j = 0; j < a.cols(); ++j) {
      if (a(i, j) == 0) continue;
      rows.column_indices.push_back(j);
      rows.values.push_back(a(i, j));
    }
    rows.offsets.push_back(static_cast<Index>(rows.values.size()));
  }
  return rows;
}

/// This rank's rows.
inline RowMatrix share_of(const Communicator& comm, const Matrix& whole, Storage storage) {
  const Range rows = rows_of_rank(whole.rows(), comm.size(), comm.rank());
  const Matrix a = whole.middleRows(rows.begin, rows.size());
  return storage == Storage::sparse ? RowMatrix(compress(a)) : RowMatrix(a);
}
inline Vector share_of(const Communicator& comm, const Vector& whole) {
  const Range rows = rows_of_rank(whole.size(), comm.size(), comm.rank());
  return whole.segment(rows.begin, rows.size());
}

/// The whole of which each rank has a share. Collective.
inline Vector whole_of(const Communicator& comm, const Vector& share, Index rows) {
  const Range range = rows_of_rank(rows, comm.size(), comm.rank());
  Matrix whole = Matrix::Zero(rows, 1);
  whole.col(0).segment(range.begin, range.size()) = share;
  comm.sum(whole);
  return whole.col(0);
}

}  // namespace attnewton::testing_support
