// Tables of numbers as text: comma-, semicolon- or tab-separated, each rank reading its share of the file.
#pragma once

#include <string>
#include <vector>

#include "attnewton/parallel/communicator.hpp"

namespace attnewton {

enum class CsvHeader {
  automatic,  ///< the first line is one if any of its fields is not a number (NaN and inf are numbers here)
  yes,
  no
};

enum class CsvDelimiter {
  automatic,  ///< the first of tab, semicolon and comma that the first line has outside quotes
  comma,
  semicolon,
  tab
};

struct CsvOptions {
  CsvHeader header = CsvHeader::automatic;
  CsvDelimiter delimiter = CsvDelimiter::automatic;
};

/// A rank's share of a table; ranks hold consecutive rows, in rank order, and may hold none.
struct CsvTable {
  Matrix rows;  ///< local rows × the file's columns, also where there are no rows
  Index first_row = 0;
  Index total_rows = 0;
  std::vector<std::string> names;  ///< of the columns, on every rank; empty without a header
};

/// Collective on `comm`: the rows of `path`, a file that all ranks see, whose lines begin in this rank's
/// equal share of its bytes. Blank lines and lines that begin with '#' do not count; names in the header may
/// be quoted, numbers not. Lines end with LF or CR LF; a byte order mark is skipped. Cost: each rank reads
/// its share once and holds its rows and about 1 MiB; rank 0 reads the header. On failure every rank throws
/// the same error: IoError if the file cannot be read; DataError, with file, line and column, for a field
/// that is not a finite number, a row with another number of fields than the first line, a header that does
/// not parse; DataError for a file without rows.
CsvTable read_csv_share(const Communicator& comm, const std::string& path, const CsvOptions& options = {});

}  // namespace attnewton
