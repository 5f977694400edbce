#include "attnewton/linalg/process_grid.hpp"

#include "scalapack.hpp"

namespace attnewton {

ProcessGrid::ProcessGrid(const Communicator& comm)
    : comm_(comm), shape_(GridShape::nearly_square(comm.size())) {
  MPI_Comm_dup(comm.handle(), &own_);
  system_handle_ = Csys2blacs_handle(own_);
  context_ = system_handle_;
  Cblacs_gridinit(&context_, "Row", shape_.rows, shape_.columns);
}

ProcessGrid::~ProcessGrid() {
  Cblacs_gridexit(context_);
  Cfree_blacs_system_handle(system_handle_);
  MPI_Comm_free(&own_);
}

}  // namespace attnewton
