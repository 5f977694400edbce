// Tensors of a model by name, from safetensors files: eight bytes of length, a JSON header, the tensors'
// bytes. A file is hostile until shown otherwise: nothing that the header claims is used before the file's
// true size bears it out.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "attnewton/core/types.hpp"

namespace attnewton {

/// What the header says of a tensor.
struct TensorEntry {
  std::string name;
  std::string dtype;         ///< as the file spells it, such as "F32"
  std::vector<Index> shape;  ///< any number of dimensions, none negative
  Range bytes;               ///< in the file
};

/// What the header of a file says, checked against the file's size by open_safetensors().
struct SafetensorsFile {
  std::string path;
  std::vector<TensorEntry> tensors;             ///< in the order of their bytes
  std::map<std::string, std::string> metadata;  ///< what stands under "__metadata__"
  Index file_bytes = 0;
};

/// Reads and checks the header of `path`; the tensors stay on disk. All dtypes are listed; of those that the
/// format knows the bytes fit the shape. Local. Throws IoError if the file cannot be read, DataError, with
/// the tensor, if it is no safetensors file or is damaged: a header longer than the file or than 100 MB, JSON
/// that does not parse or says something else, a name given twice, offsets that overlap, leave gaps, pass the
/// file's end or do not fit shape and dtype.
SafetensorsFile open_safetensors(const std::string& path);

/// The tensor called `name`. Local, O(number of tensors). Throws DataError with the nearest names if there is
/// none.
const TensorEntry& find_tensor(const SafetensorsFile& file, const std::string& name);

/// The numbers of a tensor of dtype F64, F32, F16 or BF16, exactly, as doubles: rows × columns, n × 1 if it
/// is 1-D. Local; ranks may read one file at the same time; memory besides the result 1 MiB. Throws IoError
/// if the file cannot be read; DataError for an unknown name, another dtype, an empty tensor or other than
/// one or two dimensions, a NaN or an infinity (by its row and column), a file that changed its size since
/// open_safetensors().
Matrix read_tensor(const SafetensorsFile& file, const std::string& name);

/// A tensor as the command line names it.
struct TensorPath {
  std::string file;
  std::string tensor;  ///< empty if the text names a file alone
};

/// Splits "model.safetensors:layers.0.attn.wq" at the colon after the last ".safetensors:"; what ends with
/// ".safetensors" is a file alone. None if the text is neither. Local.
std::optional<TensorPath> split_tensor_path(const std::string& text);

}  // namespace attnewton
