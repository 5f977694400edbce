#include "text_lines.hpp"

#include <array>
#include <exception>
#include <optional>

#include "attnewton/core/error.hpp"
#include "attnewton/parallel/agreement.hpp"

namespace attnewton {

Range TextPart::share(int rank, int size) const {
  // Whole ranges plus what is left over: bytes times ranks could pass 64 bits.
  const Index whole = bytes.size() / size;
  const Index left_over = bytes.size() % size;
  const auto cut = [&](Index r) { return bytes.begin + whole * r + left_over * r / size; };
  return {cut(rank), cut(Index{rank} + 1)};
}

TextPart whole_text(const std::string& path) {
  const Index bytes = file_access::size_bytes(file_access::open_to_read(path), path);
  if (bytes == 0) throw DataError(path + ": is empty");
  return {path, {0, bytes}, 0};
}

TextPart read_text_header(const TextPart& text, bool take_last,
                          const std::function<bool(std::string_view)>& use) {
  LineReader reader(text.path, text.bytes, text.bytes.end);
  TextPart rest = text;
  try {
    for (bool more = true; more && reader.next();) {
      more = use(reader.line());
      if (!more && !take_last) break;
      rest.bytes.begin = reader.next_byte();
      rest.lines_before = text.lines_before + reader.lines();
    }
  } catch (const LineError& error) {
    throw located(reader, text.lines_before, error);
  }
  return rest;
}

TextPart broadcast(const Communicator& comm, const TextPart& text) {
  std::array<Index, 3> numbers = {text.bytes.begin, text.bytes.end, text.lines_before};
  comm.broadcast(std::span<Index>(numbers));
  return {comm.broadcast(text.path), {numbers[0], numbers[1]}, numbers[2]};
}

TextPart whole_text_on_all(const Communicator& comm, const std::string& path) {
  TextPart text;
  agree_on_errors(comm, [&] {
    if (comm.is_root()) text = whole_text(path);
  });
  return broadcast(comm, text);
}

PlaceInTotal place_in_total(const Communicator& comm, Index count) {
  const auto counts = comm.all_gather(count);
  PlaceInTotal place;
  for (std::size_t rank = 0; rank < counts.size(); ++rank) {
    if (rank < static_cast<std::size_t>(comm.rank())) place.first += counts[rank];
    place.total += counts[rank];
  }
  return place;
}

namespace {

// How far a rank came. The lines of ranks below the first that failed are all counted, so that its line's
// number is known without another pass over the file.
struct Progress {
  Index lines = 0;
  std::optional<LineReader> reader;
  std::optional<LineError> line_error;
  std::exception_ptr other_error;
};

void read_share(const TextPart& text, Range share, const std::function<void(std::string_view)>& use,
                Progress& progress) {
  try {
    auto& reader = progress.reader.emplace(text.path, share, text.bytes.end);
    while (reader.next()) use(reader.line());
    progress.lines = reader.lines();
  } catch (const LineError& error) {
    progress.line_error = error;
  } catch (...) {
    progress.other_error = std::current_exception();
  }
}

}  // namespace

void for_each_line_of_share(const Communicator& comm, const TextPart& text,
                            const std::function<void(std::string_view)>& use) {
  Progress progress;
  read_share(text, text.share(comm.rank(), comm.size()), use, progress);
  const Index lines_before = text.lines_before + place_in_total(comm, progress.lines).first;
  agree_on_errors(comm, [&] {
    if (progress.other_error) std::rethrow_exception(progress.other_error);
    if (progress.line_error) throw located(*progress.reader, lines_before, *progress.line_error);
  });
}

}  // namespace attnewton
