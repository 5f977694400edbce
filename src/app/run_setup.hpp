// What every command that computes does first: threads, BLAS, and a word about cores.
#pragma once

#include <string>

#include "attnewton/parallel/threads.hpp"

#include "option_table.hpp"

namespace attnewton {

/// Adds --threads; 0 stands for the cores of the rank.
void add_threads(OptionTable& table, Index& threads);

/// Adds --config. What it names is read by read_options().
void add_config(OptionTable& table, std::string& config);

/// Limits threads for its life time, having warned once if there are fewer cores.
class RunSetup {
 public:
  /// Throws UsageError if the BLAS is not safe with that many threads. Collective on `comm`.
  RunSetup(const Communicator& comm, Index threads);

  /// Of the rank that has most.
  int threads() const { return threads_; }

 private:
  int threads_;
  ThreadLimit limit_;
};

/// Prints a line to standard error on rank 0.
void warn(const Communicator& comm, const std::string& message);

/// "12 MiB", "3.4 GiB".
std::string bytes_text(Index bytes);

/// Throws the same error as throw_out_of_memory() if this rank and the others on its host would need more
/// than the host has, `bytes` being this rank's part. Otherwise the system might let them allocate and kill
/// one later. Collective on `comm`.
void check_memory(const Communicator& comm, Index bytes, const std::string& other_remedy = "");

/// Throws the error for memory that ran out, which says how much is needed, and what helps: more nodes, or
/// `other_remedy`, if there is another.
[[noreturn]] void throw_out_of_memory(Index bytes_per_rank, const std::string& other_remedy = "");

}  // namespace attnewton
