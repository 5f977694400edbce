#include "attnewton/io/safetensors.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "attnewton/core/error.hpp"

#include "float_format.hpp"
#include "nearest_names.hpp"
#include "npy_header.hpp"
#include "safetensors_file.hpp"
#include "safetensors_header.hpp"

namespace attnewton {
namespace {

using file_access::Descriptor;

static_assert(std::endian::native == std::endian::little, "tensors are read as they lie in the file");

// The longest header that the format's own library takes.
constexpr Index longest_header = 100'000'000;

// Bits of an element of the dtypes that the format knows.
constexpr std::array<std::pair<std::string_view, Index>, 20> known_types = {
    {{"BOOL", 8}, {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"U8", 8},
     {"I8", 8},   {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"I16", 16},
     {"U16", 16}, {"F16", 16},    {"BF16", 16},   {"I32", 32},    {"U32", 32},
     {"F32", 32}, {"C64", 64},    {"F64", 64},    {"I64", 64},    {"U64", 64}}};

std::string shape_text(const TensorEntry& tensor) {
  return fmt::format("[{}]", fmt::join(tensor.shape, ", "));
}

Index header_bytes(const Descriptor& opened, const SafetensorsFile& file) {
  if (file.file_bytes < safetensors_prefix) {
    throw DataError(
        fmt::format("{}: is not a safetensors file: it has {} bytes, and the header's length alone takes 8",
                    file.path, file.file_bytes));
  }
  std::array<unsigned char, 8> prefix{};
  file_access::read_exactly(opened, file.path, 0, std::as_writable_bytes(std::span(prefix)));
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, prefix.data(), sizeof(bytes));
  const auto most =
      static_cast<std::uint64_t>(std::min(longest_header, file.file_bytes - safetensors_prefix));
  if (bytes <= most) return static_cast<Index>(bytes);
  const bool zip = prefix[0] == 'P' && prefix[1] == 'K';
  throw DataError(
      fmt::format("{}: is not a safetensors file, or is cut: its header claims {} bytes, more than {}{}",
                  file.path, bytes,
                  most == static_cast<std::uint64_t>(longest_header)
                      ? fmt::format("the {} that are accepted", longest_header)
                      : fmt::format("the file's {}", file.file_bytes),
                  zip ? ": it looks like a zip archive, as torch.save writes: save the tensors with "
                        "safetensors.torch.save_file"
                      : ""));
}

// Bits that shape and dtype take; none if 64 bits do not count them.
std::optional<Index> wanted_bits(const TensorEntry& tensor, Index element_bits) {
  const bool empty = std::find(tensor.shape.begin(), tensor.shape.end(), 0) != tensor.shape.end();
  if (empty) return 0;
  Index bits = element_bits;
  for (const Index length : tensor.shape) {
    if (__builtin_mul_overflow(bits, length, &bits)) return std::nullopt;
  }
  return bits;
}

void check_size(const std::string& path, const TensorEntry& tensor) {
  const auto* known = std::find_if(known_types.begin(), known_types.end(),
                                   [&](const auto& type) { return type.first == tensor.dtype; });
  if (known == known_types.end()) return;
  const auto bits = wanted_bits(tensor, known->second);
  if (bits && *bits % 8 == 0 && *bits / 8 == tensor.bytes.size()) return;
  throw DataError(fmt::format("{}: shape {} of {} takes {}, its data_offsets span {} bytes",
                              tensor_place(path, tensor.name), shape_text(tensor), tensor.dtype,
                              bits ? fmt::format("{} bytes", static_cast<double>(*bits) / 8)
                                   : std::string("more bytes than 64 bits count"),
                              tensor.bytes.size()));
}

// The tensors' bytes, still counted from the header's end, must tile the data.
void check_offsets(const SafetensorsFile& file, Index data_bytes) {
  Index covered = 0;
  const TensorEntry* before = nullptr;
  for (const TensorEntry& tensor : file.tensors) {
    const auto [begin, end] = tensor.bytes;
    const auto place = [&] { return tensor_place(file.path, tensor.name); };
    if (begin > end)
      throw DataError(fmt::format("{}: data_offsets [{}, {}] end before they begin", place(), begin, end));
    if (end > data_bytes) {
      throw DataError(
          fmt::format("{}: data_offsets [{}, {}] pass the file's end: it has {} bytes of data: is it cut?",
                      place(), begin, end, data_bytes));
    }
    if (begin < covered) {
      throw DataError(fmt::format("{}: data_offsets [{}, {}] overlap tensor {}, which ends at {}", place(),
                                  begin, end, quoted_for_message(before->name), covered));
    }
    if (begin > covered)
      throw DataError(fmt::format("{}: begins at {}: bytes {} to {} belong to no tensor", place(), begin,
                                  covered, begin));
    check_size(file.path, tensor);
    covered = end;
    before = &tensor;
  }
  if (covered < data_bytes)
    throw DataError(fmt::format("{}: {} bytes follow the last tensor", file.path, data_bytes - covered));
}

void require_matrix(const SafetensorsFile& file, const TensorEntry& tensor) {
  if (tensor.shape.empty() || tensor.shape.size() > 2) {
    throw DataError(fmt::format("{}: has shape {}: one or two dimensions are taken: reshape it before saving",
                                tensor_place(file.path, tensor.name), shape_text(tensor)));
  }
  if (tensor.bytes.empty()) {
    throw DataError(fmt::format("{}: has shape {}: it holds no numbers", tensor_place(file.path, tensor.name),
                                shape_text(tensor)));
  }
}

[[noreturn]] void refuse_number(const SafetensorsFile& file, const TensorEntry& tensor, double value,
                                Index place, Index columns) {
  throw DataError(fmt::format("{}: {} at row {}, column {} (counted from 0)",
                              tensor_place(file.path, tensor.name), value, place / columns, place % columns));
}

// Reads elements of type T and widens them.
template <class T, class Widen>
void read_numbers(const SafetensorsFile& file, const TensorEntry& tensor, Matrix& into, const Widen& widen) {
  const Descriptor opened = reopen_safetensors(file);
  constexpr Index part_elements = (Index{1} << 20) / Index{sizeof(T)};
  std::vector<T> buffer(static_cast<std::size_t>(std::min<Index>(part_elements, into.size())));
  for (Index first = 0; first < into.size(); first += part_elements) {
    const auto count = static_cast<std::size_t>(std::min<Index>(part_elements, into.size() - first));
    const auto part = std::span(buffer).first(count);
    file_access::read_exactly(opened, file.path, tensor.bytes.begin + first * Index{sizeof(T)},
                              std::as_writable_bytes(part));
    for (std::size_t i = 0; i < count; ++i) {
      const double value = widen(part[i]);
      const Index place = first + static_cast<Index>(i);
      if (!std::isfinite(value)) refuse_number(file, tensor, value, place, into.cols());
      into.data()[place] = value;
    }
  }
}

}  // namespace

SafetensorsFile open_safetensors(const std::string& path) {
  const Descriptor opened = file_access::open_to_read(path);
  SafetensorsFile file;
  file.path = path;
  file.file_bytes = file_access::size_bytes(opened, path);
  std::string text(static_cast<std::size_t>(header_bytes(opened, file)), '\0');
  file_access::read_exactly(opened, path, safetensors_prefix, std::as_writable_bytes(std::span(text)));
  parse_safetensors_header(text, file);
  std::sort(file.tensors.begin(), file.tensors.end(), [](const TensorEntry& a, const TensorEntry& b) {
    return std::tie(a.bytes.begin, a.bytes.end, a.name) < std::tie(b.bytes.begin, b.bytes.end, b.name);
  });
  const Index data_offset = safetensors_prefix + static_cast<Index>(text.size());
  check_offsets(file, file.file_bytes - data_offset);
  for (TensorEntry& tensor : file.tensors) {
    tensor.bytes.begin += data_offset;
    tensor.bytes.end += data_offset;
  }
  return file;
}

Descriptor reopen_safetensors(const SafetensorsFile& file) {
  Descriptor opened = file_access::open_to_read(file.path);
  const Index bytes = file_access::size_bytes(opened, file.path);
  if (bytes != file.file_bytes) {
    throw DataError(fmt::format("{}: had {} bytes and has {} now: it changed while it was being used",
                                file.path, file.file_bytes, bytes));
  }
  return opened;
}

const TensorEntry& find_tensor(const SafetensorsFile& file, const std::string& name) {
  for (const TensorEntry& tensor : file.tensors) {
    if (tensor.name == name) return tensor;
  }
  std::vector<std::string> names;
  for (const TensorEntry& tensor : file.tensors) names.push_back(tensor.name);
  throw DataError(fmt::format("{}: there is no tensor {}: {}", file.path, quoted_for_message(name),
                              nearest_names_text(name, names)));
}

Matrix read_tensor(const SafetensorsFile& file, const std::string& name) {
  const TensorEntry& tensor = find_tensor(file, name);
  const TensorType type = tensor_type(file.path, tensor);
  require_matrix(file, tensor);
  Matrix values(tensor.shape[0], tensor.shape.size() == 2 ? tensor.shape[1] : 1);
  switch (type) {
    case TensorType::float64:
      read_numbers<double>(file, tensor, values, [](double value) { return value; });
      break;
    case TensorType::float32:
      read_numbers<float>(file, tensor, values, [](float value) { return double{value}; });
      break;
    case TensorType::float16:
      read_numbers<std::uint16_t>(file, tensor, values,
                                  [](std::uint16_t bits) { return widened(half_precision, bits); });
      break;
    case TensorType::bfloat16:
      read_numbers<std::uint16_t>(file, tensor, values,
                                  [](std::uint16_t bits) { return widened(brain_float, bits); });
      break;
  }
  return values;
}

std::optional<TensorPath> split_tensor_path(const std::string& text) {
  constexpr std::string_view ending = ".safetensors";
  if (text.ends_with(ending)) return TensorPath{text, ""};
  const auto found = text.rfind(std::string(ending) + ":");
  if (found == std::string::npos) return std::nullopt;
  const auto colon = found + ending.size();
  return TensorPath{text.substr(0, colon), text.substr(colon + 1)};
}

}  // namespace attnewton
