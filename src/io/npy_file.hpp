// What opening an npy file and reading its data share.
#pragma once

#include <string_view>

#include "attnewton/io/npy.hpp"

#include "file_access.hpp"

namespace attnewton {

/// An element type as the header spells it, as messages name it, and its size.
struct NpyTypeEntry {
  NpyType type;
  std::string_view descr;
  std::string_view name;
  Index bytes;
};

const NpyTypeEntry& npy_type_entry(NpyType type);

/// `file` opened again; what its size said at open_npy() holds still. Errors of open_npy().
file_access::Descriptor reopen_npy(const NpyFile& file);

}  // namespace attnewton
