// A BLACS process grid's life time.
#pragma once

#include "attnewton/linalg/block_cyclic_layout.hpp"
#include "attnewton/parallel/communicator.hpp"

namespace attnewton {

/// All ranks of a communicator as a nearly square grid, with the BLACS context that ScaLAPACK needs.
/// Construction and destruction are collective on `comm`, while MPI is up.
class ProcessGrid {
 public:
  explicit ProcessGrid(const Communicator& comm);
  ~ProcessGrid();
  ProcessGrid(const ProcessGrid&) = delete;
  ProcessGrid& operator=(const ProcessGrid&) = delete;

  const Communicator& comm() const { return comm_; }
  GridShape shape() const { return shape_; }
  int row() const { return shape_.row_of(comm_.rank()); }
  int column() const { return shape_.column_of(comm_.rank()); }
  int blacs_context() const { return context_; }

 private:
  Communicator comm_;
  GridShape shape_;
  MPI_Comm own_ = MPI_COMM_NULL;  // BLACS knows a communicator once: two grids on one would share its handle
  int system_handle_ = -1;
  int context_ = -1;
};

}  // namespace attnewton
