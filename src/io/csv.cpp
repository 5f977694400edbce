#include "attnewton/io/csv.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"

#include "csv_header.hpp"
#include "text_fields.hpp"

namespace attnewton {
namespace {

// Rows of a matrix whose number shows at the end; their room follows from the length of the lines.
class GrowingRows {
 public:
  GrowingRows(Index columns, Index share_bytes) : values_(0, columns), share_bytes_(share_bytes) {}

  double* add(std::size_t line_bytes) {
    if (rows_ == values_.rows()) grow(static_cast<Index>(line_bytes));
    return values_.row(rows_++).data();
  }
  Index rows() const { return rows_; }
  Matrix take() {
    values_.conservativeResize(rows_, Eigen::NoChange);
    return std::move(values_);
  }

 private:
  void grow(Index line_bytes) {
    const Index guess = rows_ == 0 ? share_bytes_ / (line_bytes + 1) : rows_;
    values_.conservativeResize(rows_ == 0 ? guess + guess / 16 + 1 : guess + guess / 4 + 1, Eigen::NoChange);
  }

  Matrix values_;
  Index rows_ = 0;
  Index share_bytes_;
};

void require_all_fields(std::string_view line, const CsvLayout& layout) {
  const Index fields = std::count(line.begin(), line.end(), layout.delimiter) + 1;
  if (fields == layout.columns) return;
  throw LineError(line, fmt::format("{} field{} where the {} has {}", fields, fields == 1 ? "" : "s",
                                    layout.has_header ? "header" : "first row", layout.columns));
}

void parse_row(std::string_view line, char delimiter, double* row) {
  for (;;) {
    const auto end = line.find(delimiter);
    *row++ = finite_number(trimmed(line.substr(0, end)));
    if (end == std::string_view::npos) return;
    line.remove_prefix(end + 1);
  }
}

}  // namespace

CsvTable read_csv_share(const Communicator& comm, const std::string& path, const CsvOptions& options) {
  CsvLayout layout = read_csv_layout(comm, path, options);
  GrowingRows rows(layout.columns, layout.body.share(comm.rank(), comm.size()).size());
  for_each_line_of_share(comm, layout.body, [&](std::string_view whole_line) {
    const auto line = csv_line_that_counts(whole_line, layout.delimiter);
    if (line.empty()) return;
    require_all_fields(line, layout);
    parse_row(line, layout.delimiter, rows.add(line.size()));
  });
  const PlaceInTotal place = place_in_total(comm, rows.rows());
  if (place.total == 0) throw DataError(path + ": holds no rows below its header");
  return {rows.take(), place.first, place.total, std::move(layout.names)};
}

}  // namespace attnewton
