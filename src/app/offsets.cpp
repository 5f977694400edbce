#include "offsets.hpp"

#include <fmt/format.h>

#include "attnewton/core/error.hpp"

namespace attnewton {

std::string described(const char* name, const NpyFile& file) {
  return fmt::format("{} ({}, {} x {})", name, file.path, file.rows(), file.columns());
}

std::vector<Index> read_offsets(const std::string& path, const char* name, const NpyFile& matrix) {
  std::vector<Index> offsets = read_npy_indices(path);
  if (offsets.size() < 2)
    throw DataError(
        fmt::format("{}: {} offsets, at least 2 are needed: the first row of each sequence and the "
                    "number of rows",
                    path, offsets.size()));
  if (offsets.front() != 0)
    throw DataError(fmt::format("{}: entry 0 is {}, it must be 0", path, offsets.front()));
  for (std::size_t i = 1; i < offsets.size(); ++i) {
    if (offsets[i] <= offsets[i - 1])
      throw DataError(fmt::format("{}: offsets must rise, but entry {} is {} and entry {} is {}", path, i - 1,
                                  offsets[i - 1], i, offsets[i]));
  }
  if (offsets.back() != matrix.rows())
    throw DataError(fmt::format("{}: the last entry is {}, it must be the number of rows of {}", path,
                                offsets.back(), described(name, matrix)));
  return offsets;
}

}  // namespace attnewton
