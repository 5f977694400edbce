// The beginning of a Matrix Market file: its kind, its sizes, and where the entries follow.
#pragma once

#include <string>

#include "text_lines.hpp"

namespace attnewton {

struct MatrixMarketHeader {
  enum class Field { real, integer, pattern };

  bool coordinate = false;  ///< else array
  Field field = Field::real;
  bool symmetric = false;  ///< else general
  Index rows = 0;
  Index columns = 0;
  Index entries = 0;  ///< in the file
  TextPart body;
};

/// Collective on `comm`: rank 0 reads `path` as far as its size line; sizes are borne out by the file's
/// bytes. Errors as of read_matrix_market_share().
MatrixMarketHeader read_matrix_market_header(const Communicator& comm, const std::string& path);

}  // namespace attnewton
