#include "attnewton/io/matrix_market.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"
#include "attnewton/parallel/agreement.hpp"

#include "entry_exchange.hpp"
#include "matrix_market_header.hpp"
#include "text_fields.hpp"

namespace attnewton {
namespace {

using Field = MatrixMarketHeader::Field;

bool counts(std::string_view line) {
  const auto text = trimmed(line);
  return !text.empty() && !text.starts_with('%');
}

Index take_index(std::string_view& rest, std::string_view what, Index limit) {
  const auto word = take_word(rest);
  if (word.empty()) throw LineError(word, fmt::format("the {} index is missing here", what));
  const Index index = whole_number(word, fmt::format("{} index", what));
  if (index < 1 || index > limit) {
    throw LineError(word, fmt::format("the {} index {} is outside 1 to {}", what, index, limit));
  }
  return index - 1;
}

double take_value(std::string_view& rest, Field field) {
  if (field == Field::pattern) return 1;
  const auto word = take_word(rest);
  if (field == Field::integer && !word.empty()) return static_cast<double>(whole_number(word, "entry"));
  return finite_number(word);
}

MatrixEntry parse_entry(std::string_view line, const MatrixMarketHeader& header) {
  auto rest = line;
  MatrixEntry entry;
  entry.row = take_index(rest, "row", header.rows);
  entry.column = take_index(rest, "column", header.columns);
  entry.value = take_value(rest, header.field);
  require_end_of_line(rest, header.field == Field::pattern ? "row and column" : "row, column and value");
  if (header.symmetric && entry.column > entry.row) {
    throw LineError(line, fmt::format("row {}, column {} is above the diagonal: a symmetric file holds the "
                                      "lower triangle",
                                      entry.row + 1, entry.column + 1));
  }
  return entry;
}

// On every rank the same. `present` of all ranks.
void require_all_entries(const MatrixMarketHeader& header, Index present) {
  if (present == header.entries) return;
  throw DataError(fmt::format("{}: holds {} entries where its header says {}{}", header.body.path, present,
                              header.entries, present < header.entries ? ": was it cut?" : ""));
}

// The rows of `range` from entries in any order.
SparseRows compressed(std::vector<MatrixEntry> entries, Range range, const MatrixMarketHeader& header) {
  std::sort(entries.begin(), entries.end(), [](const MatrixEntry& a, const MatrixEntry& b) {
    return std::pair(a.row, a.column) < std::pair(b.row, b.column);
  });
  SparseRows rows;
  rows.columns = header.columns;
  rows.offsets.assign(static_cast<std::size_t>(range.size()) + 1, 0);
  rows.column_indices.reserve(entries.size());
  rows.values.reserve(entries.size());
  for (std::size_t k = 0; k < entries.size(); ++k) {
    const auto& [row, column, value] = entries[k];
    if (k > 0 && entries[k - 1].row == row && entries[k - 1].column == column) {
      throw DataError(fmt::format("{}: row {}, column {} is given twice (counted from 1)", header.body.path,
                                  row + 1, column + 1));
    }
    ++rows.offsets[static_cast<std::size_t>(row - range.begin) + 1];
    rows.column_indices.push_back(column);
    rows.values.push_back(value);
  }
  for (std::size_t i = 1; i < rows.offsets.size(); ++i) rows.offsets[i] += rows.offsets[i - 1];
  return rows;
}

SparseRows read_coordinate(const Communicator& comm, const MatrixMarketHeader& header,
                           const RowPartition& partition) {
  std::vector<MatrixEntry> read;
  Index present = 0;
  for_each_line_of_share(comm, header.body, [&](std::string_view line) {
    if (!counts(line)) return;
    ++present;
    const auto& entry = read.emplace_back(parse_entry(line, header));
    if (header.symmetric && entry.row != entry.column) read.push_back({entry.column, entry.row, entry.value});
  });
  require_all_entries(header, comm.sum(present));

  std::vector<MatrixEntry> received;
  exchange_entries(
      comm, partition, static_cast<Index>(read.size()),
      [&](Index k) { return read[static_cast<std::size_t>(k)]; },
      [&](const MatrixEntry& entry) { received.push_back(entry); });
  read = {};
  SparseRows rows;
  agree_on_errors(comm,
                  [&] { rows = compressed(std::move(received), partition.range(comm.rank()), header); });
  return rows;
}

// The lower triangle column by column: how many entries come before column `column`.
Index entries_before(Index column, Index rows) {
  return column * rows - column * (column - 1) / 2;
}

// Entry `k` of an array file, without its value.
MatrixEntry place_in_array(Index k, const MatrixMarketHeader& header) {
  if (!header.symmetric) return {k % header.rows, k / header.rows, 0};
  Index column = 0;
  for (Index beyond = header.rows; beyond - column > 1;) {
    const Index middle = column + (beyond - column) / 2;
    (entries_before(middle, header.rows) <= k ? column : beyond) = middle;
  }
  return {column + k - entries_before(column, header.rows), column, 0};
}

Matrix read_array(const Communicator& comm, const MatrixMarketHeader& header, const RowPartition& partition) {
  std::vector<double> read;
  for_each_line_of_share(comm, header.body, [&](std::string_view line) {
    if (!counts(line)) return;
    auto rest = line;
    read.push_back(take_value(rest, header.field));
    require_end_of_line(rest, "one entry");
  });
  const PlaceInTotal place = place_in_total(comm, static_cast<Index>(read.size()));
  require_all_entries(header, place.total);

  const Range range = partition.range(comm.rank());
  Matrix rows;
  agree_on_errors(comm, [&] { rows.setZero(range.size(), header.columns); });
  // A symmetric entry goes to both its places, one on the diagonal twice to the same.
  const Index copies = header.symmetric ? 2 : 1;
  exchange_entries(
      comm, partition, copies * static_cast<Index>(read.size()),
      [&](Index k) {
        MatrixEntry entry = place_in_array(place.first + k / copies, header);
        entry.value = read[static_cast<std::size_t>(k / copies)];
        if (k % copies == 1) std::swap(entry.row, entry.column);
        return entry;
      },
      [&](const MatrixEntry& entry) { rows(entry.row - range.begin, entry.column) = entry.value; });
  return rows;
}

}  // namespace

MatrixMarketRows read_matrix_market_share(const Communicator& comm, const std::string& path) {
  const MatrixMarketHeader header = read_matrix_market_header(comm, path);
  const RowPartition partition = even_row_partition(header.rows, comm.size());
  MatrixMarketRows result;
  result.first_row = partition.range(comm.rank()).begin;
  result.total_rows = header.rows;
  if (header.coordinate) {
    result.rows = read_coordinate(comm, header, partition);
  } else {
    result.rows = read_array(comm, header, partition);
  }
  return result;
}

}  // namespace attnewton
