#include "attnewton/io/libsvm_writer.hpp"

#include <algorithm>
#include <charconv>
#include <functional>
#include <numeric>
#include <span>
#include <vector>

#include "attnewton/core/error.hpp"

#include "shared_output.hpp"

namespace attnewton {
namespace {

constexpr std::size_t bytes_a_part = std::size_t{1} << 20;

template <class Number>
void append(std::string& text, Number number) {
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  text.append(digits, end);
}

// Whether this rank's first row, the first of all, must tell the width by a zero, as no row has an entry in
// the last column. Collective.
bool tells_width(const Communicator& comm, const SparseRows& rows) {
  Index largest = -1;
  for (const Index column : rows.column_indices) largest = std::max(largest, column);
  const Index width = comm.max(rows.columns);
  const bool is_told = comm.max(largest) + 1 == width;
  const Index first = comm.min(rows.rows() > 0 ? Index{comm.rank()} : Index{comm.size()});
  return !is_told && width > 0 && first == comm.rank();
}

// Gives the text of all rows to `use`, some MiB at a time.
void for_each_part(const SparseRows& rows, const Vector& labels, bool with_width,
                   const std::function<void(const std::string&)>& use) {
  std::string text;
  for (Index i = 0; i < rows.rows(); ++i) {
    append(text, labels[i]);
    const Range entries = rows.entries_of(i);
    for (Index k = entries.begin; k < entries.end; ++k) {
      text += ' ';
      append(text, rows.column(k) + 1);
      text += ':';
      append(text, rows.value(k));
    }
    if (i == 0 && with_width) {
      text += ' ';
      append(text, rows.columns);
      text += ":0";
    }
    text += '\n';
    if (text.size() < bytes_a_part) continue;
    use(text);
    text.clear();
  }
  use(text);
}

}  // namespace

void write_libsvm_rows(const Communicator& comm, const std::string& path, const SparseRows& rows,
                       const Vector& labels) {
  require(labels.size() == rows.rows(), "write_libsvm_rows: one label a row");
  const bool with_width = tells_width(comm, rows);
  Index length = 0;
  for_each_part(rows, labels, with_width, [&length](const std::string& text) { length += std::ssize(text); });
  const std::vector<Index> lengths = comm.all_gather(length);
  Index offset = std::accumulate(lengths.begin(), lengths.begin() + comm.rank(), Index{0});
  write_together(comm, path, [&](const PutBytes& put) {
    for_each_part(rows, labels, with_width, [&](const std::string& text) {
      put(offset, std::as_bytes(std::span(text)));
      offset += std::ssize(text);
    });
  });
}

}  // namespace attnewton
