#include "pending_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <tuple>
#include <utility>

#include <fmt/format.h>

namespace attnewton {
namespace {

using file_access::Descriptor;

// Renaming over a device such as /dev/null would destroy it when root does it.
void refuse_special_target(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return;
  if (S_ISDIR(status.st_mode)) throw IoError(path + ": is a folder: name a file to write inside it");
  if (!S_ISREG(status.st_mode)) {
    throw IoError(path + ": is there and is not a regular file, so it is not replaced: name another");
  }
}

// The first free name; another host may have a process of our number in the same folder.
std::pair<std::string, Descriptor> create_temporary(const std::string& path) {
  for (int attempt = 0; attempt < 1000; ++attempt) {
    std::string name = fmt::format("{}.tmp-{}-{}", path, ::getpid(), attempt);
    Descriptor file(::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (file.is_open()) return {std::move(name), std::move(file)};
    if (errno != EEXIST) throw file_access::system_failure(path, "cannot be created", errno);
  }
  throw IoError(
      fmt::format("{0}: cannot be created: a thousand files {0}.tmp-* are there: remove them", path));
}

// Makes the rename last; some file systems cannot flush a folder, which is no reason to fail.
void flush_folder_of(const std::string& path) {
  const auto folder = std::filesystem::path(path).parent_path();
  const Descriptor opened(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (opened.is_open()) ::fsync(opened.value());
}

}  // namespace

PendingFile::PendingFile(std::string path) : path_(std::move(path)) {
  refuse_special_target(path_);
  std::tie(temporary_path_, file_) = create_temporary(path_);
}

PendingFile::~PendingFile() {
  if (!committed_) ::unlink(temporary_path_.c_str());
}

void PendingFile::write_at(Index offset, std::span<const std::byte> bytes) {
  file_access::write_exactly(file_, path_, offset, bytes);
}

void PendingFile::commit() {
  file_access::flush_to_disk(file_, path_);
  // Network file systems may report a failed write only here.
  if (::close(file_.release()) != 0) throw file_access::system_failure(path_, "cannot be closed", errno);
  if (std::rename(temporary_path_.c_str(), path_.c_str()) != 0) {
    throw file_access::system_failure(path_, "cannot be put in place", errno);
  }
  committed_ = true;
  flush_folder_of(path_);
}

}  // namespace attnewton
