#include "attnewton/io/safetensors_writer.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "attnewton/core/error.hpp"

#include "float_format.hpp"
#include "pending_file.hpp"
#include "safetensors_file.hpp"
#include "safetensors_header.hpp"

namespace attnewton {
namespace {

using file_access::Descriptor;

constexpr Index part_bytes = Index{1} << 20;

// The nearest number of the type as it lies in a file; none if it is not finite.
template <class T>
std::optional<T> encoded(TensorType type, double value) {
  if (!std::isfinite(value)) return std::nullopt;
  if constexpr (std::is_same_v<T, std::uint16_t>) {
    return narrowed(type == TensorType::float16 ? half_precision : brain_float, value);
  } else {
    const T number = static_cast<T>(value);
    if (!std::isfinite(number)) return std::nullopt;
    return number;
  }
}

struct Target {
  PendingFile& file;
  const std::string& path;
};

[[noreturn]] void refuse_number(const Target& target, const TensorEntry& tensor, double value, Index row,
                                Index column) {
  throw DataError(fmt::format("{}: {} at row {}, column {} (counted from 0) {}",
                              tensor_place(target.path, tensor.name), value, row, column,
                              std::isfinite(value) ? "is beyond the largest number of " + tensor.dtype +
                                                         ": scale the tensor, or write it with a wider dtype"
                                                   : std::string("is not a number that can be stored")));
}

template <class T>
void write_numbers(const Target& target, const TensorEntry& tensor, TensorType type, const Matrix& values) {
  constexpr Index part_elements = part_bytes / Index{sizeof(T)};
  std::vector<T> part;
  for (Index first = 0; first < values.size(); first += part_elements) {
    part.clear();
    for (Index i = first; i < std::min<Index>(values.size(), first + part_elements); ++i) {
      const auto number = encoded<T>(type, values.data()[i]);
      if (!number) refuse_number(target, tensor, values.data()[i], i / values.cols(), i % values.cols());
      part.push_back(*number);
    }
    target.file.write_at(tensor.bytes.begin + first * Index{sizeof(T)}, std::as_bytes(std::span(part)));
  }
}

void write_tensor(const Target& target, const TensorEntry& tensor, const Matrix& values) {
  const TensorType type = tensor_type(target.path, tensor);
  switch (type) {
    case TensorType::float64:
      return write_numbers<double>(target, tensor, type, values);
    case TensorType::float32:
      return write_numbers<float>(target, tensor, type, values);
    case TensorType::float16:
    case TensorType::bfloat16:
      return write_numbers<std::uint16_t>(target, tensor, type, values);
  }
}

void copy_bytes(const SafetensorsFile& source, Range bytes, const Descriptor& opened, PendingFile& into) {
  std::vector<std::byte> buffer(static_cast<std::size_t>(std::min(part_bytes, bytes.size())));
  for (Index first = bytes.begin; first < bytes.end; first += part_bytes) {
    const auto part =
        std::span(buffer).first(static_cast<std::size_t>(std::min(part_bytes, bytes.end - first)));
    file_access::read_exactly(opened, source.path, first, part);
    into.write_at(first, part);
  }
}

void require_shape(const SafetensorsFile& source, const TensorEntry& tensor, const Matrix& values) {
  const std::vector<Index> given = {values.rows(), values.cols()};
  const bool column = tensor.shape.size() == 1 && given[0] == tensor.shape[0] && given[1] == 1;
  if (tensor.shape == given || column) return;
  throw DataError(fmt::format("{}: has shape [{}] and cannot be replaced by a {} x {} matrix",
                              tensor_place(source.path, tensor.name), fmt::join(tensor.shape, ", "), given[0],
                              given[1]));
}

// Entries with bytes counted from the header's end, in the order in which they are to lie.
std::vector<std::pair<TensorEntry, const Matrix*>> laid_out(const std::vector<NamedTensor>& tensors) {
  std::vector<const NamedTensor*> order;
  order.reserve(tensors.size());
  for (const NamedTensor& tensor : tensors) order.push_back(&tensor);
  std::sort(order.begin(), order.end(), [](const NamedTensor* a, const NamedTensor* b) {
    return std::tie(a->type, a->name) < std::tie(b->type, b->name);
  });
  std::vector<std::pair<TensorEntry, const Matrix*>> entries;
  Index end = 0;
  for (const NamedTensor* tensor : order) {
    const Index begin = end;
    end += tensor->values.size() * tensor_type_bytes(tensor->type);
    entries.push_back({{tensor->name,
                        tensor_type_name(tensor->type),
                        {tensor->values.rows(), tensor->values.cols()},
                        {begin, end}},
                       &tensor->values});
  }
  return entries;
}

void check_names(const std::string& path, const std::vector<NamedTensor>& tensors) {
  std::set<std::string> names = {"__metadata__"};
  for (const NamedTensor& tensor : tensors) {
    if (!names.insert(tensor.name).second)
      throw DataError(tensor_place(path, tensor.name) + ": the name is taken: name each tensor once");
  }
}

}  // namespace

void write_with_replaced_tensors(const SafetensorsFile& source, const std::string& path,
                                 const std::map<std::string, Matrix>& replaced) {
  for (const auto& [name, values] : replaced) {
    const TensorEntry& tensor = find_tensor(source, name);
    tensor_type(source.path, tensor);
    require_shape(source, tensor, values);
  }
  const Descriptor opened = reopen_safetensors(source);
  PendingFile file(path);
  const Target target{file, path};
  Index copied = 0;
  for (const TensorEntry& tensor : source.tensors) {
    const auto found = replaced.find(tensor.name);
    if (found == replaced.end()) continue;
    copy_bytes(source, {copied, tensor.bytes.begin}, opened, file);
    write_tensor(target, tensor, found->second);
    copied = tensor.bytes.end;
  }
  copy_bytes(source, {copied, source.file_bytes}, opened, file);
  file.commit();
}

void write_safetensors(const std::string& path, const std::vector<NamedTensor>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  check_names(path, tensors);
  auto entries = laid_out(tensors);
  SafetensorsFile described;
  described.path = path;
  described.metadata = metadata;
  for (const auto& [entry, values] : entries) described.tensors.push_back(entry);
  const std::string header = safetensors_header_text(described);
  const std::uint64_t length = header.size();
  PendingFile file(path);
  const Target target{file, path};
  file.write_at(0, std::as_bytes(std::span(&length, 1)));
  file.write_at(safetensors_prefix, std::as_bytes(std::span(header)));
  for (auto& [entry, values] : entries) {
    entry.bytes.begin += safetensors_prefix + static_cast<Index>(header.size());
    write_tensor(target, entry, *values);
  }
  file.commit();
}

}  // namespace attnewton
