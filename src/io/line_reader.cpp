#include "line_reader.hpp"

#include <algorithm>
#include <span>

#include <fmt/format.h>

namespace attnewton {

LineReader::LineReader(const std::string& path, Range starts, Index file_bytes, Index block_bytes)
    : path_(path),
      file_(file_access::open_to_read(path)),
      starts_(starts),
      file_bytes_(file_bytes),
      block_bytes_(block_bytes),
      buffer_begin_(starts.begin),
      line_begin_(starts.begin) {
  require(starts.begin >= 0 && starts.end <= file_bytes && block_bytes > 0,
          "LineReader: the range lies in the file");
  if (starts.empty() || starts.begin == 0) return;
  // A line begins after a line's end: the byte before the range tells whether one begins with it.
  buffer_begin_ = line_begin_ = starts.begin - 1;
  skip_line();
}

Index LineReader::next_byte() const {
  return std::min(line_begin_, file_bytes_);
}

bool LineReader::read_block() {
  const auto held = buffer_.size();
  const Index at = buffer_begin_ + static_cast<Index>(held);
  const Index count = std::min(block_bytes_, file_bytes_ - at);
  if (count <= 0) return false;
  buffer_.resize(held + static_cast<std::size_t>(count));
  file_access::read_exactly(file_, path_, at, std::as_writable_bytes(std::span(buffer_).subspan(held)));
  return true;
}

void LineReader::drop_before(std::size_t place) {
  buffer_.erase(0, place);
  buffer_begin_ += static_cast<Index>(place);
}

// The rest of a line that another reader has; nothing of it is kept.
void LineReader::skip_line() {
  while (line_begin_ < starts_.end && read_block()) {
    const auto end = buffer_.find('\n');
    if (end != std::string::npos) {
      line_begin_ = buffer_begin_ + static_cast<Index>(end) + 1;
      return;
    }
    drop_before(buffer_.size());
    line_begin_ = buffer_begin_;
  }
  line_begin_ = starts_.end;
}

bool LineReader::next() {
  constexpr std::size_t longest = std::size_t{1} << 30;
  if (line_begin_ >= starts_.end) return false;
  ++lines_;
  line_ = {};
  auto start = static_cast<std::size_t>(line_begin_ - buffer_begin_);
  auto end = buffer_.find('\n', start);
  while (end == std::string::npos) {
    drop_before(start);
    start = 0;
    const auto searched = buffer_.size();
    if (searched > longest) throw LineError({}, "the line is longer than 1 GiB: is this a text file?");
    if (!read_block()) break;
    end = buffer_.find('\n', searched);
  }
  line_ = std::string_view(buffer_).substr(start, std::min(end, buffer_.size()) - start);
  line_begin_ += static_cast<Index>(line_.size()) + 1;
  if (line_.ends_with('\r')) line_.remove_suffix(1);
  return true;
}

DataError located(const LineReader& reader, Index lines_before, const LineError& error) {
  const Index column = error.at() == nullptr ? 1 : error.at() - reader.line().data() + 1;
  return DataError(
      fmt::format("{}:{}:{}: {}", reader.path(), lines_before + reader.lines(), column, error.what()));
}

}  // namespace attnewton
