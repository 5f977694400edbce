#include "csv_header.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"
#include "attnewton/parallel/agreement.hpp"

#include "npy_header.hpp"
#include "text_fields.hpp"

namespace attnewton {
namespace {

constexpr Index most_columns = Index{1} << 24;

char delimiter_of(std::string_view line, CsvDelimiter wanted) {
  constexpr std::array<char, 4> given = {'\0', ',', ';', '\t'};
  if (wanted != CsvDelimiter::automatic) return given[static_cast<std::size_t>(wanted)];
  bool quoted = false;
  bool semicolon = false;
  for (const char c : line) {
    if (c == '"') quoted = !quoted;
    if (!quoted && c == '\t') return '\t';
    if (!quoted && c == ';') semicolon = true;
  }
  return semicolon ? ';' : ',';
}

// Takes the quoted field at the beginning of `rest`; a quote inside is doubled.
std::string take_quoted(std::string_view& rest) {
  const auto all = rest;
  std::string name;
  rest.remove_prefix(1);
  for (;;) {
    const auto quote = rest.find('"');
    if (quote == std::string_view::npos) throw LineError(all, "this quote is not closed in its line");
    name += rest.substr(0, quote);
    rest.remove_prefix(quote + 1);
    if (!rest.starts_with('"')) return name;
    name += '"';
    rest.remove_prefix(1);
  }
}

// A field and the delimiter after it, which tells whether there is another.
struct Field {
  std::string text;
  bool quoted = false;
  bool last = false;
};

Field take_field(std::string_view& rest, char delimiter) {
  Field field;
  const auto first = rest.find_first_not_of(delimiter == '\t' ? " " : " \t");
  field.quoted = first != std::string_view::npos && rest[first] == '"';
  if (field.quoted) {
    rest.remove_prefix(first);
    field.text = take_quoted(rest);
  }
  const auto end = rest.find(delimiter);
  const auto plain = trimmed(rest.substr(0, end));
  if (field.quoted && !plain.empty()) {
    throw LineError(plain, quoted_for_message(plain) + " follows a closing quote");
  }
  if (!field.quoted) field.text = plain;
  field.last = end == std::string_view::npos;
  rest.remove_prefix(field.last ? rest.size() : end + 1);
  return field;
}

struct Fields {
  std::vector<std::string> texts;
  bool all_numbers = true;
};

Fields split(std::string_view line, char delimiter) {
  Fields fields;
  for (bool more = true; more;) {
    if (static_cast<Index>(fields.texts.size()) == most_columns) {
      throw LineError(line, fmt::format("more than {} columns", most_columns));
    }
    Field field = take_field(line, delimiter);
    fields.all_numbers &= !field.quoted && is_number(field.text);
    fields.texts.push_back(std::move(field.text));
    more = !field.last;
  }
  return fields;
}

// From the first line that counts.
void describe(std::string_view line, const CsvOptions& options, CsvLayout& layout) {
  layout.delimiter = delimiter_of(line, options.delimiter);
  Fields fields = split(line, layout.delimiter);
  layout.columns = static_cast<Index>(fields.texts.size());
  layout.has_header =
      options.header == CsvHeader::yes || (options.header == CsvHeader::automatic && !fields.all_numbers);
  if (layout.has_header) layout.names = std::move(fields.texts);
}

CsvLayout find_layout(const std::string& path, const CsvOptions& options) {
  CsvLayout layout;
  const TextPart whole = whole_text(path);
  const char known = options.delimiter == CsvDelimiter::tab ? '\t' : ',';
  bool found = false;
  const auto first_line = [&](std::string_view line) {
    line = csv_line_that_counts(line, known);
    if (line.empty()) return true;
    found = true;
    describe(line, options, layout);
    return false;
  };
  const TextPart after = read_text_header(whole, true, first_line);
  if (!found) throw DataError(path + ": holds no rows");
  layout.body = layout.has_header ? after : whole;
  return layout;
}

std::vector<std::string> broadcast_names(const Communicator& comm, const CsvLayout& layout) {
  std::string joined;
  for (const auto& name : layout.names) joined += name + '\n';
  joined = comm.broadcast(joined);
  std::vector<std::string> names;
  for (std::size_t begin = 0; begin < joined.size();) {
    const auto end = joined.find('\n', begin);
    names.push_back(joined.substr(begin, end - begin));
    begin = end + 1;
  }
  return names;
}

}  // namespace

std::string_view csv_line_that_counts(std::string_view line, char delimiter) {
  if (line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
  const auto first = line.find_first_not_of(delimiter == '\t' ? " " : " \t");
  return first == std::string_view::npos || line[first] == '#' ? std::string_view{} : line;
}

CsvLayout read_csv_layout(const Communicator& comm, const std::string& path, const CsvOptions& options) {
  CsvLayout layout;
  agree_on_errors(comm, [&] {
    if (comm.is_root()) layout = find_layout(path, options);
  });
  std::array<Index, 3> numbers = {layout.delimiter, layout.has_header ? 1 : 0, layout.columns};
  comm.broadcast(std::span<Index>(numbers));
  layout.delimiter = static_cast<char>(numbers[0]);
  layout.has_header = numbers[1] != 0;
  layout.columns = numbers[2];
  layout.body = broadcast(comm, layout.body);
  layout.names = broadcast_names(comm, layout);
  return layout;
}

}  // namespace attnewton
