// Where sequences begin.
#pragma once

#include <string>
#include <vector>

#include "attnewton/io/npy.hpp"

namespace attnewton {

/// The first row of each sequence of `matrix`, called `name` in messages, and, last, its number of rows, from
/// an npy file of integers. Local. Throws DataError unless they rise from 0 to the number of rows, or
/// IoError.
std::vector<Index> read_offsets(const std::string& path, const char* name, const NpyFile& matrix);

/// "A1 (a1.npy, 100 x 8)", for messages.
std::string described(const char* name, const NpyFile& file);

}  // namespace attnewton
