// Npy files written by hand, so that the readers are not tested against the library's own writer.
#pragma once

#include <cstring>
#include <string>
#include <vector>

namespace attnewton {

/// The values' bytes as they lie in memory.
template <class T>
std::string raw_bytes(const std::vector<T>& values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

/// Magic, version, length and `dict`, unpadded.
inline std::string npy_header_bytes(const std::string& dict, int major = 1) {
  std::string bytes = std::string("\x93NUMPY") + static_cast<char>(major) + '\0';
  for (int place = 0; place < (major == 1 ? 2 : 4); ++place) {
    bytes += static_cast<char>(dict.size() >> (8 * place));
  }
  return bytes + dict;
}

inline std::string npy_dict(const std::string& descr, const std::string& shape, bool fortran = false) {
  return "{'descr': '" + descr + "', 'fortran_order': " + (fortran ? "True" : "False") +
         ", 'shape': " + shape + ", }\n";
}

template <class T>
std::string npy_bytes(const std::string& descr, const std::string& shape, const std::vector<T>& values) {
  return npy_header_bytes(npy_dict(descr, shape)) + raw_bytes(values);
}

}  // namespace attnewton
