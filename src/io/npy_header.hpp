// The header of an npy file: a Python dict as text, {'descr': '<f8', 'fortran_order': False, 'shape': (3, 4),
// }.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "attnewton/core/types.hpp"

namespace attnewton {

/// The dict as it stands; nothing is known yet of whether it makes sense.
struct NpyHeader {
  std::string descr;
  bool fortran_order = false;
  std::vector<Index> shape;  ///< none is negative
};

/// Parses the dict. Local. DataError, beginning with `path`, unless it holds just the three keys, each once,
/// with a string, a bool and a tuple of numbers in [0, 2^63).
NpyHeader parse_npy_header(const std::string& path, std::string_view text);

/// All bytes before the data of a file in format 1.0 and C order: magic, version, length, dict, padding.
std::string npy_preamble(std::string_view descr, std::span<const Index> shape);

/// `shape` as Python prints it.
std::string npy_shape_text(std::span<const Index> shape);

/// Text of unknown origin made fit for a message: quoted, cut at 60 characters, others than printable ASCII
/// as '?'.
std::string quoted_for_message(std::string_view text);

}  // namespace attnewton
