#include "matrix_market_header.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"
#include "attnewton/parallel/agreement.hpp"

#include "npy_header.hpp"
#include "text_fields.hpp"

namespace attnewton {
namespace {

std::string lower_case(std::string_view word) {
  std::string lower(word);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return lower;
}

// Takes a word that must be one of `accepted`; its place among them.
std::size_t take_choice(std::string_view& rest, std::string_view what,
                        const std::vector<std::string_view>& accepted) {
  const auto word = take_word(rest);
  const auto found = std::find(accepted.begin(), accepted.end(), lower_case(word));
  if (found != accepted.end()) return static_cast<std::size_t>(found - accepted.begin());
  throw LineError(word, fmt::format("the {} {} is not taken, only {}", what, quoted_for_message(word),
                                    fmt::join(accepted, ", ")));
}

void parse_banner(std::string_view line, MatrixMarketHeader& header) {
  auto rest = line;
  const auto banner = take_word(rest);
  if (lower_case(banner) != "%%matrixmarket") {
    throw LineError(banner, "not a Matrix Market file: it does not begin with %%MatrixMarket");
  }
  take_choice(rest, "object", {"matrix"});
  header.coordinate = take_choice(rest, "format", {"coordinate", "array"}) == 0;
  header.field =
      header.coordinate
          ? MatrixMarketHeader::Field{static_cast<int>(
                take_choice(rest, "field", {"real", "integer", "pattern"}))}
          : MatrixMarketHeader::Field{static_cast<int>(take_choice(rest, "field", {"real", "integer"}))};
  header.symmetric = take_choice(rest, "symmetry", {"general", "symmetric"}) == 1;
  require_end_of_line(rest, "five words");
}

Index take_size(std::string_view& rest, std::string_view what, Index least) {
  const auto word = take_word(rest);
  if (word.empty()) throw LineError(word, fmt::format("the number of {} is missing here", what));
  const Index size = whole_number(word, fmt::format("number of {}", what));
  if (size < least) throw LineError(word, fmt::format("{} {}: at least {} belong here", size, what, least));
  return size;
}

// Entries that an array file holds; -1 if 64 bits do not hold their number.
Index array_entries(const MatrixMarketHeader& header) {
  Index entries = 0;
  if (header.rows > (Index{1} << 62)) return -1;
  const Index factor = header.symmetric ? header.rows + 1 : header.columns;
  if (__builtin_mul_overflow(header.rows, factor, &entries)) return -1;
  return header.symmetric ? entries / 2 : entries;
}

void require_square(std::string_view line, const MatrixMarketHeader& header) {
  if (!header.symmetric || header.rows == header.columns) return;
  throw LineError(line, fmt::format("a symmetric matrix of {} rows and {} columns: it must be square",
                                    header.rows, header.columns));
}

// No size is used for memory unless the file has the bytes for it: an entry takes two bytes at least, four
// with its indices. Rows without entries cost an offset each.
void require_bytes(std::string_view line, const MatrixMarketHeader& header, Index file_bytes) {
  constexpr Index rows_always_taken = Index{1} << 24;
  const Index bytes_each = header.coordinate ? 4 : 2;
  if (header.entries < 0 || header.entries > file_bytes / bytes_each + 1) {
    throw LineError(
        line, fmt::format("{} by {} with {} entries cannot be in a file of {} bytes: was it cut?",
                          header.rows, header.columns,
                          header.entries < 0 ? "over 2^63" : std::to_string(header.entries), file_bytes));
  }
  constexpr Index most_columns = Index{1} << 53;
  if (header.columns > most_columns) {
    throw LineError(line, fmt::format("{} columns: at most {} are taken", header.columns, most_columns));
  }
  if (header.rows > rows_always_taken && header.rows > file_bytes) {
    throw LineError(line, fmt::format("{} rows in a file of {} bytes: at most {} may be mostly empty",
                                      header.rows, file_bytes, rows_always_taken));
  }
}

void parse_sizes(std::string_view line, Index file_bytes, MatrixMarketHeader& header) {
  auto rest = line;
  header.rows = take_size(rest, "rows", 1);
  header.columns = take_size(rest, "columns", 1);
  header.entries = header.coordinate ? take_size(rest, "entries", 0) : array_entries(header);
  require_end_of_line(rest, header.coordinate ? "rows, columns and entries" : "rows and columns");
  require_square(line, header);
  require_bytes(line, header, file_bytes);
}

MatrixMarketHeader find_header(const std::string& path) {
  MatrixMarketHeader header;
  const TextPart whole = whole_text(path);
  bool banner_read = false;
  bool sizes_read = false;
  header.body = read_text_header(whole, true, [&](std::string_view line) {
    if (!banner_read) {
      parse_banner(line, header);
      banner_read = true;
      return true;
    }
    const auto text = trimmed(line);
    if (text.empty() || text.starts_with('%')) return true;
    parse_sizes(line, whole.bytes.end, header);
    sizes_read = true;
    return false;
  });
  if (!sizes_read) throw DataError(path + ": ends before the line with the matrix' sizes");
  return header;
}

}  // namespace

MatrixMarketHeader read_matrix_market_header(const Communicator& comm, const std::string& path) {
  MatrixMarketHeader header;
  agree_on_errors(comm, [&] {
    if (comm.is_root()) header = find_header(path);
  });
  std::array<Index, 6> numbers = {header.coordinate ? 1 : 0,
                                  static_cast<Index>(header.field),
                                  header.symmetric ? 1 : 0,
                                  header.rows,
                                  header.columns,
                                  header.entries};
  comm.broadcast(std::span<Index>(numbers));
  header.coordinate = numbers[0] != 0;
  header.field = static_cast<MatrixMarketHeader::Field>(numbers[1]);
  header.symmetric = numbers[2] != 0;
  header.rows = numbers[3];
  header.columns = numbers[4];
  header.entries = numbers[5];
  header.body = broadcast(comm, header.body);
  return header;
}

}  // namespace attnewton
