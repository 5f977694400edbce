// Fingerprints of input files, so that a restart can tell whether it goes on from the same data.
#pragma once

#include <string>

namespace attnewton {

/// "xxh3:" and the 16 hexadecimal digits of XXH3 (64 bits, seed 0) over the bytes of `path`, as `xxhsum -H3`
/// prints them. Against accidents, not against forgery. Local; reads the whole file in parts of 1 MiB. Throws
/// IoError if it cannot be read.
std::string file_hash(const std::string& path);

}  // namespace attnewton
