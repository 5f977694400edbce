// A folder of a test's own, gone when the test ends.
#pragma once

#include <string>
#include <vector>

#include "attnewton/parallel/communicator.hpp"

namespace attnewton {

/// One folder under the system's temporary one, with a name that no other test run has. Construction and
/// destruction are collective on `comm`: rank 0 makes and removes it, all ranks know its name. With
/// Communicator::self() each rank has a folder of its own.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(const Communicator& comm);
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }
  /// Path of `name` inside the folder; nothing is created.
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  /// Names of what is in the folder now, sorted. Local.
  std::vector<std::string> names() const;

 private:
  Communicator comm_;
  std::string path_;
};

}  // namespace attnewton
