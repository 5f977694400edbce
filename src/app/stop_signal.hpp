// SIGUSR1 and SIGTERM as a wish to stop in good order: what Slurm and impatient users send.
#pragma once

namespace attnewton {

/// Catches SIGUSR1 and SIGTERM for its life time. One at a time.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  /// Whether one of them came. Local.
  static bool came();
};

}  // namespace attnewton
