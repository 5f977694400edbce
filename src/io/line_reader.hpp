// The lines of a text file that begin in a range of its bytes, read block by block: memory for one block and
// one line. Ranks that take ranges without gap or overlap take each line once.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "attnewton/core/types.hpp"

#include "file_access.hpp"

namespace attnewton {

/// Something in the current line that cannot be taken. Who knows the file and the line's number adds them.
class LineError : public std::runtime_error {
 public:
  /// `at` lies in the current line: its beginning is the place that the message will name.
  LineError(std::string_view at, const std::string& what) : std::runtime_error(what), at_(at.data()) {}
  /// Null if the whole line is meant.
  const char* at() const { return at_; }

 private:
  const char* at_;
};

/// A line ends with LF or CR LF, the last one also where the file ends. Local.
class LineReader {
 public:
  static constexpr Index usual_block = Index{1} << 20;

  /// Lines of `path` that begin in `starts`, which lies in the file's first `file_bytes` bytes. IoError if
  /// the file cannot be read, DataError if it is shorter.
  LineReader(const std::string& path, Range starts, Index file_bytes, Index block_bytes = usual_block);
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  /// Goes to the next line; false if there is none. LineError if it is longer than 1 GiB, and the errors of
  /// reading.
  bool next();
  /// The current line without its ending, until the next call of next().
  std::string_view line() const { return line_; }
  /// Lines gone to so far.
  Index lines() const { return lines_; }
  /// The byte of the file where the line after the current one begins, or would.
  Index next_byte() const;
  const std::string& path() const { return path_; }

 private:
  void skip_line();
  bool read_block();
  void drop_before(std::size_t place);

  std::string path_;
  file_access::Descriptor file_;
  Range starts_;
  Index file_bytes_;
  Index block_bytes_;
  std::string buffer_;      // bytes of the file from buffer_begin_ on
  Index buffer_begin_ = 0;  // bytes before the buffer
  Index line_begin_ = 0;    // where the next line begins
  std::string_view line_;
  Index lines_ = 0;
};

/// "PATH:LINE:COLUMN: what", from 1, of the current line of `reader`, which has `lines_before` lines before
/// its first.
DataError located(const LineReader& reader, Index lines_before, const LineError& error);

}  // namespace attnewton
