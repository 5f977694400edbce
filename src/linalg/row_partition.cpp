#include "attnewton/linalg/row_partition.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "attnewton/core/error.hpp"

namespace attnewton {

RowPartition::RowPartition(std::vector<Index> cuts) : cuts_(std::move(cuts)) {
  require(cuts_.size() >= 2 && cuts_.front() == 0 && std::is_sorted(cuts_.begin(), cuts_.end()),
          "RowPartition: cuts rise from 0");
}

Range RowPartition::range(int rank) const {
  const auto r = static_cast<std::size_t>(rank);
  return {cuts_[r], cuts_[r + 1]};
}

int RowPartition::owner(Index row) const {
  require(row >= 0 && row < rows(), "RowPartition::owner: row is in range");
  return static_cast<int>(std::upper_bound(cuts_.begin(), cuts_.end(), row) - cuts_.begin()) - 1;
}

namespace {

// The row whose preceding work is closest to `target`.
Index nearest_row(const std::vector<double>& work_before, double target) {
  const auto at = std::lower_bound(work_before.begin(), work_before.end(), target);
  if (at == work_before.begin()) return 0;
  if (at == work_before.end()) return static_cast<Index>(work_before.size()) - 1;
  const auto before = std::prev(at);
  return (target - *before <= *at - target ? before : at) - work_before.begin();
}

// `work_before` rises along the preferred rows too.
Index nearest_preferred(const std::vector<double>& work_before, std::span<const Index> preferred,
                        double target) {
  const auto work = [&](Index row) { return work_before[static_cast<std::size_t>(row)]; };
  const auto after = std::lower_bound(preferred.begin(), preferred.end(), target,
                                      [&](Index row, double wanted) { return work(row) < wanted; });
  if (after == preferred.begin()) return *after;
  if (after == preferred.end()) return *std::prev(after);
  return target - work(*std::prev(after)) <= work(*after) - target ? *std::prev(after) : *after;
}

Index rounded_to_granule(Index row, Index rows, const CutRules& rules) {
  const auto after = std::upper_bound(rules.preferred.begin(), rules.preferred.end(), row);
  const Index start = after == rules.preferred.begin() ? 0 : *std::prev(after);
  const Index limit = after == rules.preferred.end() ? rows : *after;
  const Index steps = (row - start + rules.granule / 2) / rules.granule;
  return std::min(limit, start + steps * rules.granule);
}

}  // namespace

RowPartition even_row_partition(Index rows, int ranks) {
  std::vector<Index> cuts;
  for (Index r = 0; r <= ranks; ++r) cuts.push_back(rows / ranks * r + rows % ranks * r / ranks);
  return RowPartition(std::move(cuts));
}

RowPartition partition_by_work(std::span<const double> work, int ranks, const CutRules& rules) {
  const Index rows = static_cast<Index>(work.size());
  std::vector<double> work_before(work.size() + 1, 0);
  std::partial_sum(work.begin(), work.end(), work_before.begin() + 1);
  const double fair = work_before.back() / ranks;

  std::vector<Index> cuts(static_cast<std::size_t>(ranks) + 1, 0);
  cuts.back() = rows;
  for (int r = 1; r < ranks; ++r) {
    const double target = fair * r;
    Index cut = rounded_to_granule(nearest_row(work_before, target), rows, rules);
    if (!rules.preferred.empty()) {
      const Index wanted = nearest_preferred(work_before, rules.preferred, target);
      if (std::abs(work_before[static_cast<std::size_t>(wanted)] - target) <= rules.tolerance * fair)
        cut = wanted;
    }
    cuts[static_cast<std::size_t>(r)] = std::max(cut, cuts[static_cast<std::size_t>(r) - 1]);
  }
  return RowPartition(std::move(cuts));
}

}  // namespace attnewton
