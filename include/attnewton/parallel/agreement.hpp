// Errors that one rank meets and all must know of, so that nobody waits in a collective for a rank that has
// left.
#pragma once

#include <exception>
#include <functional>

#include "attnewton/parallel/communicator.hpp"

namespace attnewton {

/// Collective on `comm`: runs `work` on each rank, then lets all ranks know of any failure. If some ranks
/// threw, every rank throws the error of the lowest of them (its type, exit code and message; the rank is
/// named when not all failed alike). `work` must contain no collective call. Cost: one reduction, and one
/// broadcast on failure.
void agree_on_errors(const Communicator& comm, const std::function<void()>& work);

}  // namespace attnewton
