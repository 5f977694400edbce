#include "attnewton/io/atomic_file.hpp"

#include <filesystem>
#include <span>
#include <system_error>

#include "pending_file.hpp"

namespace attnewton {

void write_file_atomically(const std::string& path, std::string_view content) {
  PendingFile file(path);
  file.write_at(0, std::as_bytes(std::span(content)));
  file.commit();
}

void make_directories(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) throw IoError(path + ": the folder cannot be made: " + error.message());
  if (!std::filesystem::is_directory(path, error)) throw IoError(path + ": is there and is not a folder");
}

}  // namespace attnewton
