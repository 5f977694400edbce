#include "attnewton/io/npy.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include <fmt/format.h>

#include "file_access.hpp"
#include "npy_header.hpp"

namespace attnewton {
namespace {

using file_access::Descriptor;

static_assert(std::endian::native == std::endian::little, "npy data are read as they lie in the file");

struct TypeEntry {
  NpyType type;
  std::string_view descr;
  std::string_view name;
  Index bytes;
};
constexpr std::array<TypeEntry, 4> accepted_types = {{{NpyType::float32, "<f4", "float32", 4},
                                                      {NpyType::float64, "<f8", "float64", 8},
                                                      {NpyType::int32, "<i4", "int32", 4},
                                                      {NpyType::int64, "<i8", "int64", 8}}};

const TypeEntry& entry_of(NpyType type) {
  return accepted_types[static_cast<std::size_t>(type)];
}

std::string_view kind_of(std::string_view descr) {
  if (descr.starts_with('>')) return "big-endian";
  switch (descr.size() < 2 ? '?' : descr[1]) {
    case 'O':
      return "Python objects";
    case 'c':
      return "complex";
    case 'b':
      return "bool";
    case 'u':
      return "unsigned integers";
    case 'i':
      return "integers of another width";
    case 'f':
      return "floating point of another width";
    case 'S':
    case 'U':
      return "text";
    default:
      return "unknown";
  }
}

NpyType type_of(const std::string& path, std::string_view descr) {
  const auto* found = std::find_if(accepted_types.begin(), accepted_types.end(),
                                   [&](const TypeEntry& entry) { return entry.descr == descr; });
  if (found != accepted_types.end()) return found->type;
  throw DataError(
      fmt::format("{}: dtype {} ({}) is not accepted, only float32, float64, int32 and int64, little-endian: "
                  "save it with numpy as array.astype('<f8'), indices as array.astype('<i8')",
                  path, quoted_for_message(descr), kind_of(descr)));
}

// Where the dict stands in the file.
struct HeaderPlace {
  Index offset = 0;
  Index bytes = 0;
};

template <std::size_t count>
std::array<unsigned char, count> bytes_at(const Descriptor& file, const std::string& path, Index offset) {
  std::array<unsigned char, count> bytes{};
  file_access::read_exactly(file, path, offset, std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

void check_magic(const Descriptor& file, const std::string& path, Index file_bytes) {
  if (file_bytes == 0) throw DataError(path + ": is not an npy file: it is empty");
  constexpr std::array<unsigned char, 6> magic = {0x93, 'N', 'U', 'M', 'P', 'Y'};
  std::array<unsigned char, 6> found{};
  if (file_bytes >= Index{found.size()}) found = bytes_at<6>(file, path, 0);
  if (found == magic) return;
  const bool zip = found[0] == 'P' && found[1] == 'K';
  throw DataError(path + ": is not an npy file: it does not begin with NumPy's magic bytes: " +
                  (zip ? "it looks like an npz archive: unpack it with unzip" : "save it with numpy.save"));
}

HeaderPlace find_header(const Descriptor& file, const std::string& path, Index file_bytes) {
  check_magic(file, path, file_bytes);
  constexpr Index short_preamble = 10;
  constexpr Index long_preamble = 12;
  constexpr Index largest_header = Index{1} << 20;
  const auto cut = [&] {
    return DataError(fmt::format("{}: the npy header is cut at byte {}", path, file_bytes));
  };
  if (file_bytes < short_preamble) throw cut();
  const auto start = bytes_at<4>(file, path, 6);
  const int major = start[0];
  if (major < 1 || major > 3 || start[1] != 0) {
    throw DataError(fmt::format("{}: has npy format version {}.{}: only 1.0, 2.0 and 3.0 are known", path,
                                major, int{start[1]}));
  }
  HeaderPlace header{short_preamble, start[2] + 256 * start[3]};
  if (major > 1) {
    if (file_bytes < long_preamble) throw cut();
    const auto length = bytes_at<4>(file, path, 8);
    header = {long_preamble,
              length[0] + (Index{length[1]} << 8) + (Index{length[2]} << 16) + (Index{length[3]} << 24)};
  }
  if (header.bytes > largest_header) {
    throw DataError(fmt::format("{}: the npy header claims {} bytes, more than the {} that are accepted",
                                path, header.bytes, largest_header));
  }
  if (header.bytes > file_bytes - header.offset) {
    throw DataError(fmt::format("{}: the npy header claims {} bytes, but the file has {} in all", path,
                                header.bytes, file_bytes));
  }
  return header;
}

NpyHeader read_header(const Descriptor& file, const std::string& path, const HeaderPlace& place) {
  std::string text(static_cast<std::size_t>(place.bytes), '\0');
  file_access::read_exactly(file, path, place.offset, std::as_writable_bytes(std::span(text)));
  return parse_npy_header(path, text);
}

void check_layout(const std::string& path, const NpyHeader& header) {
  const auto& shape = header.shape;
  if (shape.empty())
    throw DataError(path + ": holds a single number (0-dimensional): 1 or 2 dimensions are taken");
  if (shape.size() > 2) {
    throw DataError(
        fmt::format("{}: has {} dimensions: 1 or 2 are taken: reshape it before saving", path, shape.size()));
  }
  const bool order_matters = shape.size() == 2 && shape[0] > 1 && shape[1] > 1;
  if (header.fortran_order && order_matters) {
    throw DataError(
        fmt::format("{}: is in Fortran order (shape {}): save it as numpy.ascontiguousarray(array)", path,
                    npy_shape_text(shape)));
  }
  // No data bear out the other dimension of an empty array, so a bound has to.
  constexpr Index largest_of_empty = Index{1} << 24;
  const auto [least, most] = std::minmax_element(shape.begin(), shape.end());
  if (*least == 0 && *most > largest_of_empty) {
    throw DataError(fmt::format("{}: has the shape {}: an empty array may have at most {} rows or columns",
                                path, npy_shape_text(shape), largest_of_empty));
  }
}

// Bytes of the elements; none if 64 bits do not hold them.
std::optional<Index> data_bytes(const NpyFile& file) {
  Index elements = 0;
  Index bytes = 0;
  if (__builtin_mul_overflow(file.rows(), file.columns(), &elements)) return std::nullopt;
  if (__builtin_mul_overflow(elements, entry_of(file.type).bytes, &bytes)) return std::nullopt;
  return bytes;
}

void check_size(const NpyFile& file, Index file_bytes) {
  const auto shape = npy_shape_text(file.shape);
  const auto wanted = data_bytes(file);
  if (!wanted) throw DataError(fmt::format("{}: the shape {} overflows 64 bits", file.path, shape));
  const Index present = file_bytes - file.data_offset;
  if (present < *wanted) {
    throw DataError(fmt::format("{}: is truncated: shape {} of {} takes {} bytes of data, the file has {}",
                                file.path, shape, entry_of(file.type).name, *wanted, present));
  }
  if (present > *wanted) {
    throw DataError(
        fmt::format("{}: {} bytes follow the array: shape {} of {} takes {} bytes of data, the file "
                    "has {}: save one array a file",
                    file.path, present - *wanted, shape, entry_of(file.type).name, *wanted, present));
  }
}

// `file` opened again; whatever its size said at open_npy() holds still.
Descriptor reopen(const NpyFile& file) {
  Descriptor opened = file_access::open_to_read(file.path);
  check_size(file, file_access::size_bytes(opened, file.path));
  return opened;
}

// Calls use(first, values of type T) for consecutive parts of the elements in `elements`.
template <class T, class Use>
void for_each_part(const NpyFile& file, const Descriptor& opened, Range elements, Use&& use) {
  constexpr Index part_elements = (Index{1} << 18) / Index{sizeof(T)};
  std::vector<T> buffer(static_cast<std::size_t>(std::min(part_elements, elements.size())));
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
  for_each_part<T>(file, opened, elements, [&](Index first, std::span<const T> part) {
    check_finite(file, first, part);
    std::copy(part.begin(), part.end(), into.data() + (first - elements.begin));
  });
}

template <class T>
std::vector<Index> read_integers(const NpyFile& file) {
  const Descriptor opened = reopen(file);
  std::vector<Index> values;
  values.reserve(static_cast<std::size_t>(file.rows()));
  for_each_part<T>(file, opened, {0, file.rows()}, [&](Index, std::span<const T> part) {
    values.insert(values.end(), part.begin(), part.end());
  });
  return values;
}

}  // namespace

NpyFile open_npy(const std::string& path) {
  const Descriptor opened = file_access::open_to_read(path);
  const Index file_bytes = file_access::size_bytes(opened, path);
  const HeaderPlace place = find_header(opened, path, file_bytes);
  const NpyHeader header = read_header(opened, path, place);
  NpyFile file{path, type_of(path, header.descr), header.shape, place.offset + place.bytes};
  check_layout(path, header);
  check_size(file, file_bytes);
  return file;
}

Matrix read_npy_rows(const NpyFile& file, Range rows) {
  require(0 <= rows.begin && rows.begin <= rows.end && rows.end <= file.rows(),
          "read_npy_rows: rows are inside the file");
  if (file.type != NpyType::float32 && file.type != NpyType::float64) {
    throw DataError(
        fmt::format("{}: holds {} where numbers are read: save it with numpy as array.astype('<f8')",
                    file.path, entry_of(file.type).name));
  }
  const Descriptor opened = reopen(file);  // before the shape sizes a matrix
  Matrix values(rows.size(), file.columns());
  if (file.type == NpyType::float32) {
    read_numbers<float>(file, opened, rows, values);
  } else {
    read_numbers<double>(file, opened, rows, values);
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
                  entry_of(file.type).name));
}

}  // namespace attnewton
