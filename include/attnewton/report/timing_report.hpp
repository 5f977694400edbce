// The timing trees of all ranks as one, with minimum, mean and maximum.
#pragma once

#include <string>
#include <vector>

#include "attnewton/core/timing.hpp"
#include "attnewton/parallel/communicator.hpp"

namespace attnewton {

/// A figure over ranks.
struct Spread {
  double min = 0;
  double mean = 0;
  double max = 0;
};

/// One phase over all ranks; a rank that never entered it counts as 0 calls and 0 seconds.
struct TimingSummary {
  std::string name;
  Spread calls;
  Spread seconds;
  std::vector<TimingSummary> children;
};

/// One tree of all ranks' trees: phases match by their path of names, siblings in order of first appearance
/// (rank 0's first). Collective on `comm`; the same result on every rank.
TimingSummary summarise_timing(const Communicator& comm, const TimingNode& root);

/// The whole tree as an indented table.
std::string timing_table(const TimingSummary& timing);

/// One line: the phases below the root that took at least 1 % of the time, by their largest seconds.
std::string timing_line(const TimingSummary& timing);

}  // namespace attnewton
