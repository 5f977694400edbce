// Rows of a sparse matrix, compressed (CSR).
#pragma once

#include <vector>

#include "attnewton/core/types.hpp"

namespace attnewton {

/// Row i has the entries offsets[i] to offsets[i + 1] of the two other arrays; columns count from 0 and rise
/// strictly within a row. An entry may be zero.
struct SparseRows {
  Index columns = 0;
  std::vector<Index> offsets = {0};  ///< rows + 1, from 0 to the number of entries
  std::vector<Index> column_indices;
  std::vector<double> values;

  Index rows() const { return static_cast<Index>(offsets.size()) - 1; }
  Index entries() const { return static_cast<Index>(values.size()); }
  /// Positions of row i's entries.
  Range entries_of(Index i) const {
    return {offsets[static_cast<std::size_t>(i)], offsets[static_cast<std::size_t>(i) + 1]};
  }
  Index column(Index entry) const { return column_indices[static_cast<std::size_t>(entry)]; }
  double value(Index entry) const { return values[static_cast<std::size_t>(entry)]; }
  friend bool operator==(const SparseRows&, const SparseRows&) = default;
};

}  // namespace attnewton
