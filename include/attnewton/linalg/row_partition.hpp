// Rows over ranks: contiguous ranges, balanced by work.
#pragma once

#include <span>
#include <vector>

#include "attnewton/core/types.hpp"

namespace attnewton {

/// Contiguous ranges of rows [0, n), one a rank, in rank order; a range may be empty. An MPI-free value.
class RowPartition {
 public:
  /// `cuts`: size P + 1, rising, from 0 to n.
  explicit RowPartition(std::vector<Index> cuts);

  int ranks() const { return static_cast<int>(cuts_.size()) - 1; }
  Index rows() const { return cuts_.back(); }
  Range range(int rank) const;
  int owner(Index row) const;

 private:
  std::vector<Index> cuts_;
};

/// Equal contiguous ranges of rows for `ranks` ranks. Local, O(ranks).
RowPartition even_row_partition(Index rows, int ranks);

/// Where a partition may cut, and where it would rather.
struct CutRules {
  /// Rising row numbers, the first of each sequence: a cut falls on one of them if that costs little balance.
  std::span<const Index> preferred;
  /// How far, as a share of one rank's fair work, a cut may move to reach a preferred row.
  double tolerance = 0.05;
  /// Other cuts lie a multiple of this many rows after the preferred row before them.
  Index granule = 1;
};

/// Splits rows so that each of `ranks` ranks has about the same sum of `work` (one positive number a row).
/// Local, O(n).
RowPartition partition_by_work(std::span<const double> work, int ranks, const CutRules& rules);

}  // namespace attnewton
