#include "attnewton/io/libsvm.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"

#include "npy_header.hpp"
#include "text_fields.hpp"
#include "text_lines.hpp"

namespace attnewton {
namespace {

class RowParser {
 public:
  explicit RowParser(Index columns) : columns_(columns) {}

  void parse(std::string_view line) {
    auto rest = line.substr(0, line.find('#'));
    auto word = take_word(rest);
    if (word.empty()) return;
    add_label(word);
    word = take_word(rest);
    if (word.starts_with("qid:")) {
      whole_number(word.substr(4), "query number");
      word = take_word(rest);
    }
    for (Index before = 0; !word.empty(); word = take_word(rest)) before = add_entry(word, before);
    rows.offsets.push_back(rows.entries());
  }

  SparseRows rows;
  std::vector<double> labels;
  Index largest_index = 0;

 private:
  void add_label(std::string_view word) {
    if (word.find(':') != std::string_view::npos) {
      throw LineError(word, "a row begins with its label, not with " + quoted_for_message(word));
    }
    labels.push_back(finite_number(word));
  }

  // Returns the index, which must be above the one `before`.
  Index add_entry(std::string_view word, Index before) {
    const auto colon = word.find(':');
    if (colon == std::string_view::npos) {
      throw LineError(word, quoted_for_message(word) + " is not index:value");
    }
    const Index index = whole_number(word.substr(0, colon), "index");
    if (index < 1) throw LineError(word, fmt::format("the index {}: indices count from 1", index));
    if (index <= before) {
      throw LineError(word, fmt::format("the index {} follows {}: indices rise in a row", index, before));
    }
    if (columns_ != 0 && index > columns_) {
      throw LineError(word, fmt::format("the index {} is beyond the {} columns asked for", index, columns_));
    }
    rows.column_indices.push_back(index - 1);
    rows.values.push_back(finite_number(word.substr(colon + 1)));
    largest_index = std::max(largest_index, index);
    return index;
  }

  Index columns_;
};

}  // namespace

LibsvmRows read_libsvm_share(const Communicator& comm, const std::string& path, Index columns) {
  require(columns >= 0, "read_libsvm_share: the number of columns is not negative");
  const TextPart text = whole_text_on_all(comm, path);
  RowParser parser(columns);
  for_each_line_of_share(comm, text, [&](std::string_view line) { parser.parse(line); });
  const PlaceInTotal place = place_in_total(comm, parser.rows.rows());
  const Index largest_index = comm.max(parser.largest_index);
  if (place.total == 0) throw DataError(path + ": holds no rows");

  LibsvmRows result{std::move(parser.rows), {}, place.first, place.total};
  result.rows.columns = columns != 0 ? columns : largest_index;
  result.labels = Eigen::Map<const Vector>(parser.labels.data(), static_cast<Index>(parser.labels.size()));
  return result;
}

}  // namespace attnewton
