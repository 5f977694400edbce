// What the first line of a csv file says about the others.
#pragma once

#include <string>
#include <vector>

#include "attnewton/io/csv.hpp"

#include "text_lines.hpp"

namespace attnewton {

struct CsvLayout {
  char delimiter = ',';
  bool has_header = false;
  Index columns = 0;
  std::vector<std::string> names;  ///< one a column if there is a header
  TextPart body;                   ///< the lines of numbers, and others that do not count
};

/// `line` without a byte order mark, and empty if it does not count: blanks alone, or a comment.
std::string_view csv_line_that_counts(std::string_view line, char delimiter);

/// Collective on `comm`: rank 0 reads `path` as far as its first line that counts. Errors as of
/// read_csv_share().
CsvLayout read_csv_layout(const Communicator& comm, const std::string& path, const CsvOptions& options);

}  // namespace attnewton
