// The header of a safetensors file: JSON that maps names to {"dtype": "F32", "shape": [2, 3], "data_offsets":
// [0, 24]}.
#pragma once

#include <string>
#include <string_view>

#include "attnewton/io/safetensors.hpp"
#include "attnewton/io/safetensors_writer.hpp"

namespace attnewton {

/// Bytes of length before the header.
inline constexpr Index safetensors_prefix = 8;

/// Parses the JSON into `file`'s tensors, in the order in which they stand, and metadata. The tensors' bytes
/// are counted from the header's end, and nothing is known yet of whether they make sense. Nothing is held
/// but what is found, so that a hostile text takes no more memory than its own size. Local. DataError,
/// beginning with file.path.
void parse_safetensors_header(std::string_view text, SafetensorsFile& file);

/// The JSON of tensors whose bytes are counted from the header's end, and of metadata, padded with blanks to
/// a multiple of eight bytes. Local. DataError, beginning with file.path, if a text is not UTF-8.
std::string safetensors_header_text(const SafetensorsFile& file);

/// "PATH: tensor \"NAME\"", for messages.
std::string tensor_place(const std::string& path, std::string_view name);

/// The type of a dtype that attnewton reads and writes; DataError, naming file and tensor, for others.
TensorType tensor_type(const std::string& path, const TensorEntry& tensor);

/// "F64", ...; bytes of an element.
const char* tensor_type_name(TensorType type);
Index tensor_type_bytes(TensorType type);

}  // namespace attnewton
