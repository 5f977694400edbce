// Matrix entries sent to the ranks that own their rows.
#pragma once

#include <functional>

#include "attnewton/linalg/row_partition.hpp"
#include "attnewton/parallel/communicator.hpp"

namespace attnewton {

struct MatrixEntry {
  Index row = 0;
  Index column = 0;
  double value = 0;
};

/// Collective on `comm`: entry_at(k), for k in [0, count), goes to the owner of its row in `partition`, which
/// calls take() for it. Ranks may have different counts. At most some 2²² entries arrive at a rank at a time.
/// Row and column numbers below 2^53. Neither function may throw or call a collective.
void exchange_entries(const Communicator& comm, const RowPartition& partition, Index count,
                      const std::function<MatrixEntry(Index)>& entry_at,
                      const std::function<void(const MatrixEntry&)>& take);

}  // namespace attnewton
