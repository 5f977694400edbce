// What the reader and the writer of safetensors files share.
#pragma once

#include "attnewton/io/safetensors.hpp"

#include "file_access.hpp"

namespace attnewton {

/// Opens the file again; DataError if its size has changed since open_safetensors().
file_access::Descriptor reopen_safetensors(const SafetensorsFile& file);

}  // namespace attnewton
