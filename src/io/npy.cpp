#include "attnewton/io/npy.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include <fmt/format.h>

#include "npy_file.hpp"
#include "npy_header.hpp"

namespace attnewton {
namespace {

using file_access::Descriptor;

constexpr std::array<NpyTypeEntry, 4> accepted_types = {{{NpyType::float32, "<f4", "float32", 4},
                                                         {NpyType::float64, "<f8", "float64", 8},
                                                         {NpyType::int32, "<i4", "int32", 4},
                                                         {NpyType::int64, "<i8", "int64", 8}}};

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
                                   [&](const NpyTypeEntry& entry) { return entry.descr == descr; });
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
  if (__builtin_mul_overflow(elements, npy_type_entry(file.type).bytes, &bytes)) return std::nullopt;
  return bytes;
}

void check_size(const NpyFile& file, Index file_bytes) {
  const auto shape = npy_shape_text(file.shape);
  const auto wanted = data_bytes(file);
  if (!wanted) throw DataError(fmt::format("{}: the shape {} overflows 64 bits", file.path, shape));
  const Index present = file_bytes - file.data_offset;
  if (present < *wanted) {
    throw DataError(fmt::format("{}: is truncated: shape {} of {} takes {} bytes of data, the file has {}",
                                file.path, shape, npy_type_entry(file.type).name, *wanted, present));
  }
  if (present > *wanted) {
    throw DataError(
        fmt::format("{}: {} bytes follow the array: shape {} of {} takes {} bytes of data, the file "
                    "has {}: save one array a file",
                    file.path, present - *wanted, shape, npy_type_entry(file.type).name, *wanted, present));
  }
}

}  // namespace

const NpyTypeEntry& npy_type_entry(NpyType type) {
  return accepted_types[static_cast<std::size_t>(type)];
}

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

Descriptor reopen_npy(const NpyFile& file) {
  Descriptor opened = file_access::open_to_read(file.path);
  check_size(file, file_access::size_bytes(opened, file.path));
  return opened;
}

}  // namespace attnewton
