// A program whose ranks fail alone, alike or differently: what run_and_report() makes of it.
#include <string>

#include "attnewton/core/error.hpp"
#include "attnewton/parallel/communicator.hpp"

#include "error_meeting.hpp"

int main(int argc, char** argv) {
  const attnewton::MpiEnvironment mpi(&argc, &argv);
  const auto comm = attnewton::Communicator::world();
  const std::string how = argc > 1 ? argv[1] : "";
  const bool is_last = comm.rank() == comm.size() - 1;
  return attnewton::run_and_report(comm, [&] {
    if (how == "alike") throw attnewton::DataError("the same on all ranks");
    if (how == "differently")
      throw attnewton::DataError("rank " + std::to_string(comm.rank()) + " has its own");
    if (how == "alone" && is_last) throw attnewton::DataError("only here");
    comm.barrier();
    return attnewton::ExitCode::not_converged;
  });
}
