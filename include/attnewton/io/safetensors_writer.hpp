// Writers of safetensors files. A file appears whole or not at all.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "attnewton/io/safetensors.hpp"

namespace attnewton {

/// A model with some of its tensors replaced: writes to `path` the bytes of `source`, header and metadata
/// included, but those of the tensors in `replaced` (name → numbers, of the tensor's shape, n × 1 for 1-D),
/// which are rounded to the tensor's dtype, to nearest, ties to even. `path` may be the source's. Local;
/// memory 2 MiB besides the matrices. Throws IoError with the system's reason; DataError, naming the tensor,
/// for an unknown name, another shape, a dtype that read_tensor() refuses, a number that is not finite or
/// beyond the dtype's largest (by its row and column), a source that changed its size. The old file then
/// stays.
void write_with_replaced_tensors(const SafetensorsFile& source, const std::string& path,
                                 const std::map<std::string, Matrix>& replaced);

enum class TensorType { float64, float32, bfloat16, float16 };

struct NamedTensor {
  std::string name;  ///< UTF-8
  TensorType type = TensorType::float32;
  Matrix values;
};

/// A new file of 2-D tensors, widest dtype first and by name within, as the format's own library orders them;
/// their bytes begin at a multiple of eight. Local. Throws IoError with the system's reason; DataError for a
/// name that is not UTF-8, is "__metadata__" or is given twice, and for numbers as above.
void write_safetensors(const std::string& path, const std::vector<NamedTensor>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace attnewton
