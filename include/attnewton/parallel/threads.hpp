// Threads of a rank: how many it may use, oneTBB's limit, and keeping BLAS to one thread while TBB runs.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "attnewton/parallel/communicator.hpp"

namespace attnewton {

/// Cores that this rank can count on: those of its affinity mask, shared fairly with the ranks of its node
/// that have the same mask. Collective on `comm`.
int cores_of_rank(const Communicator& comm);

/// What is wrong with `threads` on the `cores` that this rank can count on, with the flag that mends it; none
/// if all is well.
std::optional<std::string> binding_warning(int threads, int cores);

/// Limits oneTBB to `threads` for its life time.
class ThreadLimit {
 public:
  explicit ThreadLimit(int threads);
  ~ThreadLimit();
  ThreadLimit(const ThreadLimit&) = delete;
  ThreadLimit& operator=(const ThreadLimit&) = delete;

 private:
  struct Control;
  std::unique_ptr<Control> control_;
};

/// Threads that oneTBB may use now.
int thread_limit();

/// Sets BLAS to `threads` for its life time (no effect on a BLAS that is not OpenBLAS). Only outside TBB
/// tasks: inside them BLAS must have one thread, which is the state that prepare_blas() leaves.
class BlasThreads {
 public:
  explicit BlasThreads(int threads);
  ~BlasThreads();
  BlasThreads(const BlasThreads&) = delete;
  BlasThreads& operator=(const BlasThreads&) = delete;

 private:
  int before_ = 1;
};

/// Sets BLAS to one thread. Throws UsageError if the BLAS that was loaded is OpenBLAS built without threads:
/// it is not thread safe and gives silently wrong numbers when several TBB tasks call it (only a risk when
/// `threads` > 1).
void prepare_blas(int threads);

/// Name and configuration of the BLAS that was loaded, as far as it tells.
std::string blas_description();

}  // namespace attnewton
