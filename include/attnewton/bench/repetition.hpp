// How often a piece of work is repeated for its time to be trusted, and the times.
#pragma once

#include <functional>
#include <vector>

#include "attnewton/parallel/communicator.hpp"

namespace attnewton {

/// Seconds of each repetition, the same on every rank: from one barrier to the next.
struct Repetitions {
  std::vector<double> seconds;

  double median() const;
  double fastest() const;
  Index count() const { return static_cast<Index>(seconds.size()); }
};

/// When to stop: short work is repeated for a while, long work a few times.
struct RepetitionRule {
  Index exactly = 0;             ///< so many repetitions; 0: as the rest says
  Index usual = 5;               ///< at least so many …
  double usual_seconds = 1;      ///< … and for at least so long,
  Index fewest = 3;              ///< but so many are enough
  double patience_seconds = 10;  ///< once they took so long;
  Index most = 2000;             ///< never more than so many

  /// Whether `count` repetitions that took `seconds` in all are enough.
  bool is_met(Index count, double seconds) const;
};

/// The middle value, or the mean of the two middle ones. `values` is not empty. O(n log n).
double median(std::vector<double> values);

/// Runs `work` by `rule`, each time after a barrier. The first run warms up caches, threads and fresh memory
/// and does not count, unless it took so long that these are nothing beside it. Collective on `comm`; `work`
/// may be collective too.
Repetitions repeat(const Communicator& comm, const RepetitionRule& rule, const std::function<void()>& work);

}  // namespace attnewton
