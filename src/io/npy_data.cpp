#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <span>

#include <fmt/format.h>

#include "attnewton/io/npy.hpp"

#include "npy_file.hpp"
#include "npy_header.hpp"

namespace attnewton {
namespace {

using file_access::Descriptor;

static_assert(std::endian::native == std::endian::little, "npy data are read as they lie in the file");

// Calls use(first, values of type T) for consecutive parts of the elements in `elements`, read into `buffer`.
template <class T, class Use>
void for_each_part(const NpyFile& file, const Descriptor& opened, Range elements, std::vector<T>& buffer,
                   Use&& use) {
  constexpr Index part_elements = (Index{1} << 18) / Index{sizeof(T)};
  buffer.resize(static_cast<std::size_t>(std::min(part_elements, elements.size())));
  for (Index first = elements.begin; first < elements.end; first += part_elements) {
    const auto count = static_cast<std::size_t>(std::min(part_elements, elements.end - first));
    const auto part = std::span(buffer).first(count);
    file_access::read_exactly(opened, file.path, file.data_offset + first * Index{sizeof(T)},
                              std::as_writable_bytes(part));
    use(first, std::span<const T>(part));
  }
}

template <class T>
void check_finite(const NpyFile& file, Index first, std::span<const T> values) {
  bool finite = true;
  for (const T value : values) finite &= std::isfinite(value);
  if (finite) return;
  const auto bad =
      std::find_if_not(values.begin(), values.end(), [](T value) { return std::isfinite(value); });
  const Index element = first + (bad - values.begin());
  throw DataError(fmt::format("{}: {} at row {}, column {} (counted from 0)", file.path,
                              std::isnan(*bad) ? "NaN" : (*bad > 0 ? "inf" : "-inf"),
                              element / file.columns(), element % file.columns()));
}

template <class T>
void read_numbers(const NpyFile& file, const Descriptor& opened, Range rows, Matrix& into) {
  const Range elements{rows.begin * file.columns(), rows.end * file.columns()};
  std::vector<T> buffer;
  for_each_part(file, opened, elements, buffer, [&](Index first, std::span<const T> part) {
    check_finite(file, first, part);
    std::copy(part.begin(), part.end(), into.data() + (first - elements.begin));
  });
}

// Calls use(range, values of type T) for the parts of the elements in `elements` that lie in the given
// columns of the array, `range` being their place in it: consecutive ones of one row.
template <class T, class Use>
void for_each_part_of_columns(const NpyFile& file, const Descriptor& opened, Range columns, Range elements,
                              std::vector<T>& buffer, Use&& use) {
  for_each_part(file, opened, elements, buffer, [&](Index first, std::span<const T> part) {
    const Index end = first + static_cast<Index>(part.size());
    for (Index row = first / file.columns(); row * file.columns() + columns.begin < end; ++row) {
      const Index row_start = row * file.columns();
      const Range wanted{std::max(first, row_start + columns.begin), std::min(end, row_start + columns.end)};
      if (!wanted.empty())
        use(wanted, part.subspan(static_cast<std::size_t>(wanted.begin - first),
                                 static_cast<std::size_t>(wanted.size())));
    }
  });
}

template <class T>
void read_columns(const NpyFile& file, const Descriptor& opened, Range columns, Matrix& into) {
  const auto take = [&](Range place, std::span<const T> values) {
    check_finite(file, place.begin, values);
    const Index row = place.begin / file.columns();
    std::copy(values.begin(), values.end(), &into(row, place.begin % file.columns() - columns.begin));
  };
  // What a read call costs is worth reading about so many bytes.
  constexpr Index longest_gap_bytes = 8192;
  const Index gap = file.columns() - columns.size();
  std::vector<T> buffer;
  const Index last_row = (file.rows() - 1) * file.columns();
  if (gap * Index{sizeof(T)} <= longest_gap_bytes) {
    const Range all{columns.begin, last_row + columns.end};
    for_each_part_of_columns(file, opened, columns, all, buffer, take);
    return;
  }
  for (Index row_start = 0; row_start <= last_row; row_start += file.columns()) {
    const Range share{row_start + columns.begin, row_start + columns.end};
    for_each_part_of_columns(file, opened, columns, share, buffer, take);
  }
}

void require_numbers(const NpyFile& file) {
  if (file.type == NpyType::float32 || file.type == NpyType::float64) return;
  throw DataError(
      fmt::format("{}: holds {} where numbers are read: save it with numpy as array.astype('<f8')", file.path,
                  npy_type_entry(file.type).name));
}

template <class T>
std::vector<Index> read_integers(const NpyFile& file) {
  const Descriptor opened = reopen_npy(file);
  std::vector<Index> values;
  std::vector<T> buffer;
  values.reserve(static_cast<std::size_t>(file.rows()));
  for_each_part(file, opened, {0, file.rows()}, buffer, [&](Index, std::span<const T> part) {
    values.insert(values.end(), part.begin(), part.end());
  });
  return values;
}

}  // namespace

Matrix read_npy_rows(const NpyFile& file, Range rows) {
  require(0 <= rows.begin && rows.begin <= rows.end && rows.end <= file.rows(),
          "read_npy_rows: rows are inside the file");
  require_numbers(file);
  const Descriptor opened = reopen_npy(file);  // before the shape sizes a matrix
  Matrix values(rows.size(), file.columns());
  if (file.type == NpyType::float32) {
    read_numbers<float>(file, opened, rows, values);
  } else {
    read_numbers<double>(file, opened, rows, values);
  }
  return values;
}

Matrix read_npy_columns(const NpyFile& file, Range columns) {
  require(0 <= columns.begin && columns.begin <= columns.end && columns.end <= file.columns(),
          "read_npy_columns: columns are inside the file");
  require_numbers(file);
  const Descriptor opened = reopen_npy(file);  // before the shape sizes a matrix
  Matrix values(file.rows(), columns.size());
  if (values.size() == 0) return values;
  if (file.type == NpyType::float32) {
    read_columns<float>(file, opened, columns, values);
  } else {
    read_columns<double>(file, opened, columns, values);
  }
  return values;
}

Matrix read_npy(const std::string& path) {
  const NpyFile file = open_npy(path);
  return read_npy_rows(file, {0, file.rows()});
}

std::vector<Index> read_npy_indices(const std::string& path) {
  const NpyFile file = open_npy(path);
  if (file.shape.size() != 1) {
    throw DataError(fmt::format("{}: has the shape {}: indices are 1-D: save it with numpy as array.ravel()",
                                path, npy_shape_text(file.shape)));
  }
  if (file.type == NpyType::int32) return read_integers<std::int32_t>(file);
  if (file.type == NpyType::int64) return read_integers<std::int64_t>(file);
  throw DataError(
      fmt::format("{}: holds {} where indices are read: save it with numpy as array.astype('<i8')", path,
                  npy_type_entry(file.type).name));
}

}  // namespace attnewton
