// A file on its way: written under a temporary name beside its place, and put there whole or not at all.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "attnewton/core/types.hpp"

#include "file_access.hpp"

namespace attnewton {

/// Local. Every call throws IoError, naming the final path, with the system's reason.
class PendingFile {
 public:
  /// Creates PATH.tmp-PID-NUMBER; refuses a `path` that is there and is no regular file.
  explicit PendingFile(std::string path);
  /// Removes the temporary file unless commit() has put it in place.
  ~PendingFile();
  PendingFile(const PendingFile&) = delete;
  PendingFile& operator=(const PendingFile&) = delete;

  /// Where other ranks may write to before commit().
  const std::string& temporary_path() const { return temporary_path_; }
  void write_at(Index offset, std::span<const std::byte> bytes);
  /// Flushes to disk and renames, replacing what is at the path. Once only, as the last call.
  void commit();

 private:
  std::string path_;
  std::string temporary_path_;
  file_access::Descriptor file_;
  bool committed_ = false;
};

}  // namespace attnewton
