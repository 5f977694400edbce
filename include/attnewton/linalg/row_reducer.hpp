// Sums the rows of a tall matrix over ranks, each row to one rank, while the next rows are being computed.
#pragma once

#include "attnewton/linalg/block_cyclic_layout.hpp"
#include "attnewton/parallel/communicator.hpp"

namespace attnewton {

/// Every rank brings its term of the same rows in the same order. Rows are dealt to the ranks in turn, so
/// that any piece of the matrix is shared out evenly. Each rank sends every other its rows' terms and adds up
/// its own in rank order: the volume is that of an ideal reduce-scatter, and the sum does not depend on
/// timing.
class RowReducer {
 public:
  /// For a matrix of rows × columns entries. Local.
  RowReducer(const Communicator& comm, Index rows, Index columns);
  RowReducer(const RowReducer&) = delete;
  RowReducer& operator=(const RowReducer&) = delete;

  /// Begins to sum rows first_row, … over ranks, `term` being this rank's; returns with the exchange under
  /// way and the one before ended. Each row is brought once. Collective; fewer than 2³¹ entries, on all ranks
  /// together fewer than that for each owner; memory 2 terms for the one under way.
  void add(Index first_row, const Matrix& term);

  /// Returns when all is summed: this rank's rows, in rising order. Collective.
  Matrix finish();

 private:
  Range local_rows(Range rows, int rank) const;
  void end_exchange();

  Communicator comm_;
  CyclicDimension dealt_;
  Matrix sums_;
  PendingExchange exchange_;
  Range under_way_;  // local rows that the exchange brings terms of
};

/// The entries of `whole` that stand beside the rows of this rank, if rows are dealt to the ranks in turn.
/// Local.
Vector dealt_entries(const Communicator& comm, const Vector& whole);

}  // namespace attnewton
