#include "run_setup.hpp"

#include <cstdio>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"
#include "attnewton/parallel/agreement.hpp"

namespace attnewton {
namespace {

// The threads of this rank, after a look at its cores and at the BLAS.
int checked_threads(const Communicator& comm, Index wanted) {
  const int cores = cores_of_rank(comm);
  const int threads = wanted > 0 ? static_cast<int>(wanted) : cores;
  agree_on_errors(comm, [threads] { prepare_blas(threads); });
  const auto fewest = static_cast<int>(comm.min(Index{cores}));
  if (wanted > 0) {
    if (const auto warning = binding_warning(threads, fewest)) warn(comm, *warning);
  }
  return threads;
}

}  // namespace

void add_threads(OptionTable& table, Index& threads) {
  Option& option =
      table.integer("threads", threads, {.at_least = 0, .at_most = 4096}, "Threads a rank; 0: its cores.");
  option.value = [&threads]() -> std::optional<OptionValue> {
    return threads > 0 ? std::optional<OptionValue>(threads) : std::nullopt;
  };
}

void add_config(OptionTable& table, std::string& config) {
  Option& option =
      table.path("config", "FILE.ini", config,
                 "Read options from lines `name = value`; the command line wins. Relative paths in "
                 "the file start from its folder.");
  option.in_ini = false;
}

RunSetup::RunSetup(const Communicator& comm, Index threads)
    : threads_(checked_threads(comm, threads)), limit_(threads_) {
  threads_ = static_cast<int>(comm.max(Index{threads_}));
}

void warn(const Communicator& comm, const std::string& message) {
  if (!comm.is_root()) return;
  std::fflush(stdout);
  fmt::print(stderr, "attnewton: warning: {}\n", message);
  std::fflush(stderr);
}

void throw_out_of_memory(Index bytes_per_rank) {
  throw Error(
      ExitCode::numerical_failure,
      fmt::format("out of memory: this problem needs about {:.1f} GiB a rank; use more ranks or nodes",
                  static_cast<double>(bytes_per_rank) / (1024.0 * 1024 * 1024)));
}

}  // namespace attnewton
