// Rows of a sparse matrix, compressed (CSR).
#pragma once

#include <vector>

#include "attnewton/core/types.hpp"

namespace attnewton {

/// Row i has the entries offsets[i] to offsets[i + 1] of the two other arrays; columns count from 0 and rise
/// strictly within a row. An entry may be zero.
struct SparseRows {
  Index columns = 0;
  std::vector<Index> offsets = {0};  ///< one more than rows
  std::vector<Index> column_indices;
  std::vector<double> values;

  Index rows() const { return static_cast<Index>(offsets.size()) - 1; }
  Index entries() const { return static_cast<Index>(values.size()); }
  friend bool operator==(const SparseRows&, const SparseRows&) = default;
};

}  // namespace attnewton
