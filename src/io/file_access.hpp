// The system's files as this module uses them: descriptors that close themselves, reads and writes at an
// offset that are complete or throw, errors that name the file.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "attnewton/core/error.hpp"
#include "attnewton/core/types.hpp"

namespace attnewton::file_access {

/// An open file, closed at the end of its life.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int value) : value_(value) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : value_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int value() const { return value_; }
  bool is_open() const { return value_ >= 0; }
  /// Gives the descriptor up without closing it.
  int release();

 private:
  int value_ = -1;
};

/// "PATH: DEED: the system's words for `error_number`".
IoError system_failure(const std::string& path, std::string_view deed, int error_number);

/// Opens a regular file. IoError if that fails or it is something else (a folder, a pipe, a device).
Descriptor open_to_read(const std::string& path);

/// Bytes of the open file.
Index size_bytes(const Descriptor& file, const std::string& path);

/// Fills `into` with the bytes from `offset` on. IoError if the system fails, DataError if the file ends
/// first.
void read_exactly(const Descriptor& file, const std::string& path, Index offset, std::span<std::byte> into);

/// Writes all of `bytes` from `offset` on.
void write_exactly(const Descriptor& file, const std::string& path, Index offset,
                   std::span<const std::byte> bytes);

/// Returns when what was written is on disk.
void flush_to_disk(const Descriptor& file, const std::string& path);

}  // namespace attnewton::file_access
