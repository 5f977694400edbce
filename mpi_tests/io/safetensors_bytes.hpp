// Safetensors files written by hand, so that the readers are not tested against the library's own writer.
#pragma once

#include <initializer_list>
#include <string>

#include "npy_bytes.hpp"

namespace attnewton {

inline std::string length_bytes(unsigned long long length) {
  std::string bytes;
  for (int place = 0; place < 8; ++place) bytes += static_cast<char>((length >> (8 * place)) & 0xff);
  return bytes;
}

/// Length, header, data.
inline std::string safetensors_bytes(const std::string& header, const std::string& data) {
  return length_bytes(header.size()) + header + data;
}

// Appends, since GCC 12 warns of string literal + temporary where there is nothing to warn of (PR 105651).
template <class... Parts>
std::string joined(const Parts&... parts) {
  std::string all;
  (all.append(parts), ...);
  return all;
}

inline std::string tensor_json(const std::string& name, const std::string& dtype, const std::string& shape,
                               const std::string& offsets) {
  return joined("\"", name, "\":{\"dtype\":\"", dtype, "\",\"shape\":", shape, ",\"data_offsets\":", offsets,
                "}");
}

inline std::string json_object(std::initializer_list<std::string> members) {
  std::string text = "{";
  for (const auto& member : members) text.append(text.size() > 1 ? "," : "").append(member);
  return text.append("}");
}

}  // namespace attnewton
