// The end of every error: one message, one exit code on all ranks, and nobody left waiting.
#pragma once

#include <functional>

#include "attnewton/core/error.hpp"
#include "attnewton/parallel/communicator.hpp"

namespace attnewton {

/// Runs `work` and returns its exit code, or that of the error it threw. Ranks that fail wait a moment for
/// the others: if all come, rank 0 prints the message (once, when it is the same on all) and every rank
/// returns the same code. If some do not come, which may wait in a collective call for this rank, the message
/// is printed with this rank's number and the job is aborted with the code. Collective on `comm`.
int run_and_report(const Communicator& comm, const std::function<ExitCode()>& work);

}  // namespace attnewton
