// Wall-clock time: a stopwatch, and a tree of named phases that the report module turns into min, mean, max
// over ranks.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "attnewton/core/types.hpp"

namespace attnewton {

/// Seconds since construction or the last restart.
class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }
  void restart() { start_ = Clock::now(); }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

/// One named phase: how often it was entered, for how long in all, and the phases inside it in order of first
/// entry.
struct TimingNode {
  std::string name;
  Index calls = 0;
  double seconds = 0;
  std::vector<std::unique_ptr<TimingNode>> children;
};

/// The phases of this rank. Entered and left by the rank's main thread only (never inside a TBB task).
class TimingTree {
 public:
  TimingTree();

  /// Opens phase `name` inside the current one; close it with leave(). Prefer TimingScope.
  void enter(std::string_view name);
  void leave(double seconds);

  /// The root; its own seconds are those since construction, as of this call.
  const TimingNode& root();

 private:
  TimingNode root_;
  std::vector<TimingNode*> open_;
  Stopwatch since_start_;
};

/// The tree that TimingScope writes to: one a process, as a rank is a process.
TimingTree& process_timing();

/// Counts the time from construction to destruction to phase `name` of process_timing().
class TimingScope {
 public:
  explicit TimingScope(std::string_view name) { process_timing().enter(name); }
  ~TimingScope() { process_timing().leave(watch_.seconds()); }
  TimingScope(const TimingScope&) = delete;
  TimingScope& operator=(const TimingScope&) = delete;

 private:
  Stopwatch watch_;
};

}  // namespace attnewton
