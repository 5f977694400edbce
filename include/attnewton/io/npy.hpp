// NumPy's npy files, read by row range so that each rank takes just its own rows. A file is hostile until
// shown otherwise: no size in its header is used before the file's true size bears it out.
#pragma once

#include <string>
#include <vector>

#include "attnewton/core/types.hpp"

namespace attnewton {

/// Element types that are accepted, little-endian.
enum class NpyType { float32, float64, int32, int64 };

/// What the header of an npy file says, checked against the file's size by open_npy().
struct NpyFile {
  std::string path;
  NpyType type = NpyType::float64;
  std::vector<Index> shape;  ///< one or two dimensions
  Index data_offset = 0;     ///< bytes before the first element

  Index rows() const { return shape.empty() ? 0 : shape[0]; }
  /// One for a 1-D array.
  Index columns() const { return shape.size() < 2 ? 1 : shape[1]; }
};

/// Reads and checks the header of `path` (format 1.0, 2.0 or 3.0); the data stay on disk. Local.
/// Throws IoError if the file cannot be read, DataError if it is not an npy file, is damaged, or holds what
/// attnewton does not take: another dtype, Fortran order, no or more than two dimensions.
NpyFile open_npy(const std::string& path);

/// Rows [begin, end) of a float32 or float64 file as rows.size() × columns() doubles. Local; ranks may read
/// one file at the same time. Throws IoError if the file cannot be read; DataError if it holds integers, has
/// changed its size since open_npy(), or has a NaN or an infinity in these rows (named by its row and column
/// in the whole file); InternalError if `rows` is not inside the file.
Matrix read_npy_rows(const NpyFile& file, Range rows);

/// Columns [begin, end) of a float32 or float64 file, all rows of them, as rows() × columns.size() doubles.
/// Local; ranks may read one file at the same time. Reads no more than these columns where what lies between
/// a row's share of them and the next row's is long, and past it where it is short; memory besides the result
/// 256 KiB. Errors of read_npy_rows(), for these columns.
Matrix read_npy_columns(const NpyFile& file, Range columns);

/// The whole array of a float32 or float64 file; n × 1 if it is 1-D. Local. Errors of open_npy() and
/// read_npy_rows().
Matrix read_npy(const std::string& path);

/// The whole of a 1-D int32 or int64 file. Local. Errors of open_npy(); DataError if it is 2-D or holds
/// floating-point numbers.
std::vector<Index> read_npy_indices(const std::string& path);

}  // namespace attnewton
