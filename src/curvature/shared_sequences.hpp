// Sums over the ranks that a sequence's queries are split over. Internal to this module.
#pragma once

#include "attnewton/parallel/communicator.hpp"
#include "attnewton/problems/attention_data.hpp"

namespace attnewton {

/// `parts` has a row a local sequence: rows of a sequence that lies on several ranks become their sum, on
/// each of these; the others stay. Collective on `comm`: one gathering of a number a rank, one reduction of
/// parts.cols() numbers for each sequence that is shared, at most one less than there are ranks.
void sum_over_shared_sequences(const Communicator& comm, const AttentionData& data, Matrix& parts);

}  // namespace attnewton
