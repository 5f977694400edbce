// A text file's lines shared out over ranks by equal ranges of bytes.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "attnewton/parallel/communicator.hpp"

#include "line_reader.hpp"

namespace attnewton {

/// The lines of a file from some byte on, where a line begins, to its end.
struct TextPart {
  std::string path;
  Range bytes;
  Index lines_before = 0;  ///< for messages

  /// The equal range of bytes in which rank `rank` of `size` owns the lines that begin there.
  Range share(int rank, int size) const;
};

/// All of `path`. Local. IoError if it cannot be examined, DataError if it is empty.
TextPart whole_text(const std::string& path);

/// Collective on `comm`: what rank 0 finds; its errors on every rank.
TextPart whole_text_on_all(const Communicator& comm, const std::string& path);

/// Local: calls use(line) for the lines of `text` until it returns false; the part that begins with the line
/// it refused, or with the line after it if `take_last`. A LineError becomes a DataError with file, line and
/// column.
TextPart read_text_header(const TextPart& text, bool take_last,
                          const std::function<bool(std::string_view)>& use);

/// Collective on `comm`: rank 0's value on every rank.
TextPart broadcast(const Communicator& comm, const TextPart& text);

/// Collective on `comm`: calls use(line) for each line that begins in this rank's share of `text`, in order.
/// Any error, with a LineError made a DataError that names file, line and column, is thrown on every rank:
/// the error of the lowest rank, which is the first in the file. Each rank reads its share once, and blocks
/// of 1 MiB beyond it until its last line ends. `use` must contain no collective call.
void for_each_line_of_share(const Communicator& comm, const TextPart& text,
                            const std::function<void(std::string_view)>& use);

/// Where a rank's items stand among those of all ranks, which follow each other in rank order.
struct PlaceInTotal {
  Index first = 0;
  Index total = 0;
};

/// Collective on `comm`.
PlaceInTotal place_in_total(const Communicator& comm, Index count);

}  // namespace attnewton
