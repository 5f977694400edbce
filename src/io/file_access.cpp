#include "file_access.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include <fmt/format.h>

namespace attnewton::file_access {
namespace {

// Linux transfers at most 2 GiB less a page in one call.
constexpr std::size_t largest_transfer = std::size_t{1} << 30;

}  // namespace

Descriptor::~Descriptor() {
  if (is_open()) ::close(value_);
}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(value_, other.value_);
  return *this;
}

int Descriptor::release() {
  return std::exchange(value_, -1);
}

IoError system_failure(const std::string& path, std::string_view deed, int error_number) {
  return IoError(fmt::format("{}: {}: {}", path, deed, std::generic_category().message(error_number)));
}

Descriptor open_to_read(const std::string& path) {
  // Non-blocking, else opening a pipe would wait for its writer; it changes nothing for a regular file.
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.is_open()) throw system_failure(path, "cannot be opened", errno);
  struct stat status {};
  if (::fstat(file.value(), &status) != 0) throw system_failure(path, "cannot be examined", errno);
  if (S_ISDIR(status.st_mode)) throw IoError(path + ": is a folder: name a file inside it");
  if (!S_ISREG(status.st_mode)) throw IoError(path + ": is not a regular file: copy its content into one");
  return file;
}

Index size_bytes(const Descriptor& file, const std::string& path) {
  struct stat status {};
  if (::fstat(file.value(), &status) != 0) throw system_failure(path, "cannot be examined", errno);
  return Index{status.st_size};
}

void read_exactly(const Descriptor& file, const std::string& path, Index offset, std::span<std::byte> into) {
  while (!into.empty()) {
    const auto got = ::pread(file.value(), into.data(), std::min(into.size(), largest_transfer), offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw system_failure(path, fmt::format("cannot be read at byte {}", offset), errno);
    if (got == 0) {
      throw DataError(fmt::format("{}: ends at byte {}, {} bytes too early: was it cut while being read?",
                                  path, offset, into.size()));
    }
    offset += got;
    into = into.subspan(static_cast<std::size_t>(got));
  }
}

void write_exactly(const Descriptor& file, const std::string& path, Index offset,
                   std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const auto put = ::pwrite(file.value(), bytes.data(), std::min(bytes.size(), largest_transfer), offset);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) throw system_failure(path, fmt::format("cannot be written at byte {}", offset), errno);
    offset += put;
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
}

void flush_to_disk(const Descriptor& file, const std::string& path) {
  if (::fsync(file.value()) != 0) throw system_failure(path, "cannot be flushed to disk", errno);
}

}  // namespace attnewton::file_access
