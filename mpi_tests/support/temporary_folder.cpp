#include "support/temporary_folder.hpp"

#include <stdlib.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "attnewton/core/error.hpp"
#include "attnewton/parallel/agreement.hpp"

namespace attnewton {
namespace {

std::string make_folder() {
  std::string pattern = std::filesystem::temp_directory_path() / "attnewton-test-XXXXXX";
  if (::mkdtemp(pattern.data()) != nullptr) return pattern;
  throw IoError(pattern + ": " + std::generic_category().message(errno));
}

}  // namespace

TemporaryFolder::TemporaryFolder(const Communicator& comm) : comm_(comm) {
  agree_on_errors(comm_, [&] {
    if (comm_.is_root()) path_ = make_folder();
  });
  path_ = comm_.broadcast(path_);
}

TemporaryFolder::~TemporaryFolder() {
  comm_.barrier();
  std::error_code ignored;
  if (comm_.is_root()) std::filesystem::remove_all(path_, ignored);
}

std::vector<std::string> TemporaryFolder::names() const {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(path_))
    names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace attnewton
