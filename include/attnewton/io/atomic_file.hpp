// Output files that are never seen half-written, and the folders for them.
#pragma once

#include <string>
#include <string_view>

namespace attnewton {

/// Makes `content` the content of `path`: written to PATH.tmp-PID-NUMBER, flushed to disk, then renamed, so
/// that a reader or a crash meets the old file or the new one. A symbolic link at `path` is replaced, not
/// followed. Local: one rank calls it. Throws IoError with the system's reason, and then leaves the old file
/// and no temporary one.
void write_file_atomically(const std::string& path, std::string_view content);

/// Makes the folder `path` and those above it where they do not exist yet. Local; ranks may call it at the
/// same time. Throws IoError with the system's reason.
void make_directories(const std::string& path);

}  // namespace attnewton
