// The program behind main().
#pragma once

#include <string>
#include <vector>

#include "attnewton/core/error.hpp"
#include "attnewton/parallel/communicator.hpp"

namespace attnewton {

/// Runs `attnewton ARGUMENTS...`. Collective on `comm`. Errors are thrown.
ExitCode run_program(const Communicator& comm, const std::vector<std::string>& arguments);

}  // namespace attnewton
