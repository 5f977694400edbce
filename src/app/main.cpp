#include <csignal>
#include <string>
#include <vector>

#include "attnewton/core/timing.hpp"
#include "attnewton/parallel/communicator.hpp"

#include "error_meeting.hpp"
#include "program.hpp"

int main(int argc, char** argv) {
  // A reader of our output that goes away must not end a solve.
  std::signal(SIGPIPE, SIG_IGN);
  attnewton::process_timing();  // the clock of the timing report starts here
  const attnewton::MpiEnvironment mpi(&argc, &argv);
  const auto comm = attnewton::Communicator::world();
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  return attnewton::run_and_report(comm, [&] { return attnewton::run_program(comm, arguments); });
}
