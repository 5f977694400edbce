#include "shared_sequences.hpp"

#include <algorithm>
#include <vector>

namespace attnewton {
namespace {

// Which of the shared sequences a rank's first and last ones are, −1 if they are not shared.
struct Slots {
  Index first = -1;
  Index last = -1;
};

// How many sequences are shared, and this rank's. A rank whose first sequence is not its own continues the
// last one of the rank before it that has any.
Index shared_slots(const Communicator& comm, const AttentionData& data, Slots& mine) {
  const Index count = static_cast<Index>(data.sequences.size());
  const bool continues = count > 0 && !data.sequences.front().owns_keys;
  const std::vector<Index> counts = comm.all_gather(count);
  const std::vector<Index> continued = comm.all_gather(Index{continues});
  std::vector<Slots> slots(counts.size());
  Index shared = 0;
  Slots* before = nullptr;
  for (std::size_t r = 0; r < counts.size(); ++r) {
    if (counts[r] == 0) continue;
    if (continued[r] != 0 && before != nullptr) {
      if (before->last < 0) before->last = shared++;
      slots[r].first = before->last;
      if (counts[r] == 1) slots[r].last = slots[r].first;
    }
    before = &slots[r];
  }
  mine = slots[static_cast<std::size_t>(comm.rank())];
  return shared;
}

}  // namespace

void sum_over_shared_sequences(const Communicator& comm, const AttentionData& data, Matrix& parts) {
  Slots mine;
  const Index shared = shared_slots(comm, data, mine);
  if (shared == 0) return;
  Matrix sums = Matrix::Zero(shared, parts.cols());
  if (mine.first >= 0) sums.row(mine.first) = parts.row(0);
  if (mine.last >= 0) sums.row(mine.last) = parts.row(parts.rows() - 1);
  comm.sum(sums);
  if (mine.first >= 0) parts.row(0) = sums.row(mine.first);
  if (mine.last >= 0) parts.row(parts.rows() - 1) = sums.row(mine.last);
}

}  // namespace attnewton
