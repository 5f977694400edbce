// A file that all ranks write together, seen whole or not at all.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>

#include "attnewton/parallel/communicator.hpp"

namespace attnewton {

/// Writes bytes at an offset of the file.
using PutBytes = std::function<void(Index offset, std::span<const std::byte> bytes)>;

/// Collective on `comm`: `write` runs on every rank and puts that rank's part of the file, which then takes
/// the place of `path` (rank 0's counts), on a file system that all ranks see. `write` must contain no
/// collective call. On failure every rank throws the same error, IoError with the system's reason if it is
/// the system's, and no temporary file stays.
void write_together(const Communicator& comm, const std::string& path,
                    const std::function<void(const PutBytes&)>& write);

}  // namespace attnewton
