#include "safetensors_header.hpp"

#include <array>
#include <limits>
#include <optional>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "attnewton/core/error.hpp"

#include "npy_header.hpp"

namespace attnewton {
namespace {

using Json = nlohmann::json;

// Takes the parser's events; any that the format does not have at that place ends the reading.
class HeaderEvents : public nlohmann::json_sax<Json> {
 public:
  explicit HeaderEvents(SafetensorsFile& file) : file_(file) {}

  bool null() override { unexpected("null"); }
  bool boolean(bool /*value*/) override { unexpected("a truth value"); }
  bool number_float(number_float_t /*value*/, const string_t& text) override { unexpected(text); }
  bool number_integer(number_integer_t value) override { unexpected(std::to_string(value)); }
  bool binary(binary_t& /*value*/) override { unexpected("binary data"); }

  bool number_unsigned(number_unsigned_t value) override {
    if (value > static_cast<number_unsigned_t>(std::numeric_limits<Index>::max()))
      fail(fmt::format("the number {} overflows 64 bits", value));
    const auto number = static_cast<Index>(value);
    if (place_ == Place::shape) {
      tensor_.shape.push_back(number);
    } else if (place_ == Place::offsets && offsets_found_ < 2) {
      (offsets_found_ == 0 ? tensor_.bytes.begin : tensor_.bytes.end) = number;
      ++offsets_found_;
    } else {
      unexpected(std::to_string(value));
    }
    return true;
  }

  bool string(string_t& value) override {
    if (place_ == Place::metadata) {
      file_.metadata[key_] = value;
    } else if (place_ == Place::tensor && key_ == "dtype") {
      tensor_.dtype = value;
    } else {
      unexpected(quoted_for_message(value));
    }
    return true;
  }

  bool start_object(std::size_t /*elements*/) override {
    if (place_ == Place::outside) {
      place_ = Place::header;
    } else if (place_ == Place::header && key_ == "__metadata__") {
      place_ = Place::metadata;
    } else if (place_ == Place::header) {
      place_ = Place::tensor;
      tensor_ = {};
      tensor_.name = key_;
      fields_.clear();
    } else {
      unexpected("an object");
    }
    return true;
  }

  bool key(string_t& name) override {
    key_ = name;
    if (place_ == Place::header) {
      if (!names_.insert(name).second)
        throw DataError(tensor_place(file_.path, name) + ": is in the safetensors header twice");
    } else if (place_ == Place::metadata) {
      if (file_.metadata.contains(name))
        fail("the metadata have the key " + quoted_for_message(name) + " twice");
    } else {
      add_field(name);
    }
    return true;
  }

  bool end_object() override {
    if (place_ == Place::tensor) {
      if (fields_.size() != 3) fail("lacks one of dtype, shape and data_offsets");
      file_.tensors.push_back(std::move(tensor_));
    }
    place_ = place_ == Place::header ? Place::outside : Place::header;
    return true;
  }

  bool start_array(std::size_t /*elements*/) override {
    if (place_ == Place::tensor && key_ == "shape") {
      place_ = Place::shape;
    } else if (place_ == Place::tensor && key_ == "data_offsets") {
      place_ = Place::offsets;
      offsets_found_ = 0;
    } else {
      unexpected("a list");
    }
    return true;
  }

  bool end_array() override {
    if (place_ == Place::offsets && offsets_found_ != 2) fail("data_offsets are two numbers");
    place_ = Place::tensor;
    return true;
  }

  bool parse_error(std::size_t position, const std::string& last_token,
                   const nlohmann::detail::exception& /*error*/) override {
    throw DataError(
        fmt::format("{}: the safetensors header is damaged at its byte {}: its JSON stops making sense at {}",
                    file_.path, position, quoted_for_message(last_token)));
  }

 private:
  enum class Place { outside, header, metadata, tensor, shape, offsets };

  void add_field(const std::string& name) {
    if (name != "dtype" && name != "shape" && name != "data_offsets")
      fail("has the field " + quoted_for_message(name) + ", which the format does not know");
    if (!fields_.insert(name).second) fail("has the field " + name + " twice");
  }

  [[noreturn]] void fail(const std::string& what) const {
    const bool in_tensor = place_ == Place::tensor || place_ == Place::shape || place_ == Place::offsets;
    throw DataError(fmt::format("{}: {}",
                                in_tensor ? tensor_place(file_.path, tensor_.name)
                                          : file_.path + ": the safetensors header is damaged",
                                what));
  }

  [[noreturn]] void unexpected(const std::string& found) const {
    fail(found + " where " +
         (place_ == Place::outside    ? "the header is an object"
          : place_ == Place::header   ? "a tensor is an object"
          : place_ == Place::metadata ? "metadata are strings"
          : place_ == Place::tensor   ? "dtype is a string, shape and data_offsets are lists"
          : place_ == Place::shape    ? "a shape has whole numbers, none negative"
                                      : "data_offsets are two whole numbers"));
  }

  SafetensorsFile& file_;
  Place place_ = Place::outside;
  std::string key_;
  TensorEntry tensor_;
  int offsets_found_ = 0;
  std::unordered_set<std::string> names_;
  std::unordered_set<std::string> fields_;
};

struct TypeEntry {
  const char* name;
  Index bytes;
};
// In the order of TensorType.
constexpr std::array<TypeEntry, 4> types = {{{"F64", 8}, {"F32", 4}, {"BF16", 2}, {"F16", 2}}};

std::string json_string(const std::string& path, const std::string& text) {
  try {
    return Json(text).dump();
  } catch (const Json::type_error&) {
    throw DataError(fmt::format("{}: {} is not UTF-8, which names and metadata of safetensors files must be",
                                path, quoted_for_message(text)));
  }
}

}  // namespace

void parse_safetensors_header(std::string_view text, SafetensorsFile& file) {
  if (!text.starts_with('{'))
    throw DataError(file.path + ": is not a safetensors file: its header does not begin with '{'");
  // The parser would take it for the end.
  const auto nul = text.find('\0');
  if (nul != std::string_view::npos) {
    throw DataError(
        fmt::format("{}: the safetensors header is damaged at its byte {}: it holds a NUL", file.path, nul));
  }
  HeaderEvents events(file);
  Json::sax_parse(text.begin(), text.end(), &events);
}

std::string safetensors_header_text(const SafetensorsFile& file) {
  std::vector<std::string> parts;
  if (!file.metadata.empty()) {
    std::vector<std::string> pairs;
    for (const auto& [key, value] : file.metadata)
      pairs.push_back(json_string(file.path, key) + ":" + json_string(file.path, value));
    parts.push_back(fmt::format("\"__metadata__\":{{{}}}", fmt::join(pairs, ",")));
  }
  for (const TensorEntry& tensor : file.tensors) {
    parts.push_back(fmt::format("{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}",
                                json_string(file.path, tensor.name), tensor.dtype,
                                fmt::join(tensor.shape, ","), tensor.bytes.begin, tensor.bytes.end));
  }
  std::string text = fmt::format("{{{}}}", fmt::join(parts, ","));
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

std::string tensor_place(const std::string& path, std::string_view name) {
  return path + ": tensor " + quoted_for_message(name);
}

TensorType tensor_type(const std::string& path, const TensorEntry& tensor) {
  for (std::size_t i = 0; i < types.size(); ++i) {
    if (tensor.dtype == types[i].name) return static_cast<TensorType>(i);
  }
  throw DataError(fmt::format("{}: has dtype {}: only F64, F32, F16 and BF16 are taken: convert it",
                              tensor_place(path, tensor.name), quoted_for_message(tensor.dtype)));
}

const char* tensor_type_name(TensorType type) {
  return types[static_cast<std::size_t>(type)].name;
}

Index tensor_type_bytes(TensorType type) {
  return types[static_cast<std::size_t>(type)].bytes;
}

}  // namespace attnewton
