#include "run_setup.hpp"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"
#include "attnewton/core/provenance.hpp"
#include "attnewton/kernels/instruction_set.hpp"
#include "attnewton/parallel/agreement.hpp"

namespace attnewton {
namespace {

// The threads of this rank, after a look at its cores and at the BLAS.
int checked_threads(const Communicator& comm, Index wanted) {
  const int cores = cores_of_rank(comm);
  const int threads = wanted > 0 ? static_cast<int>(wanted) : cores;
  agree_on_errors(comm, [threads] {
    prepare_blas(threads);
    instruction_set();  // complains of its variable now rather than inside a task
  });
  const auto fewest = static_cast<int>(comm.min(Index{cores}));
  if (wanted > 0) {
    if (const auto warning = binding_warning(threads, fewest)) warn(comm, *warning);
  }
  return threads;
}

// Matrices of some megabytes come and go with every evaluation: their memory stays with the process, as fresh
// pages from the system cost as much as thin products.
void keep_freed_memory() {
#ifdef __GLIBC__
  constexpr int most_kept_bytes = 32 << 20;  // the largest threshold that glibc takes
  mallopt(M_MMAP_THRESHOLD, most_kept_bytes);
  mallopt(M_TRIM_THRESHOLD, 8 * most_kept_bytes);
#endif
}

// Bytes of this host, or of the control group that it puts this process in.
double memory_of_host() {
  double bytes = static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGE_SIZE));
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    if (!line.starts_with("0::")) continue;  // version 2
    for (std::filesystem::path group = line.substr(3); !group.empty(); group = group.parent_path()) {
      std::ifstream limit("/sys/fs/cgroup" / group.relative_path() / "memory.max");
      double most = 0;
      if (limit >> most) bytes = std::min(bytes, most);
      if (group == group.parent_path()) break;
    }
  }
  return bytes;
}

}  // namespace

void add_threads(OptionTable& table, Index& threads) {
  table.integer("threads", threads, {.at_least = 0, .at_most = 4096}, "Threads a rank; 0: its cores.");
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
  keep_freed_memory();
  threads_ = static_cast<int>(comm.max(Index{threads_}));
}

void warn(const Communicator& comm, const std::string& message) {
  if (!comm.is_root()) return;
  std::fflush(stdout);
  fmt::print(stderr, "attnewton: warning: {}\n", message);
  std::fflush(stderr);
}

std::string bytes_text(Index bytes) {
  constexpr double mebibyte = 1024.0 * 1024;
  const double mebibytes = static_cast<double>(bytes) / mebibyte;
  return mebibytes < 1000 ? fmt::format("{:.0f} MiB", std::ceil(mebibytes))
                          : fmt::format("{:.1f} GiB", mebibytes / 1024);
}

void check_memory(const Communicator& comm, Index bytes, const std::string& other_remedy) {
  const std::vector<std::string> hosts = comm.all_gather(host_name());
  const std::vector<Index> needs = comm.all_gather(bytes);
  double needed = 0;
  for (std::size_t rank = 0; rank < hosts.size(); ++rank) {
    if (hosts[rank] == host_name()) needed += static_cast<double>(needs[rank]);
  }
  const double present = memory_of_host();
  agree_on_errors(comm, [&] {
    if (needed > present) throw_out_of_memory(bytes, other_remedy);
  });
}

void throw_out_of_memory(Index bytes_per_rank, const std::string& other_remedy) {
  throw Error(
      ExitCode::numerical_failure,
      fmt::format("out of memory: this problem needs about {} a rank; use more ranks on more nodes{}{}",
                  bytes_text(bytes_per_rank), other_remedy.empty() ? "" : ", or ", other_remedy));
}

}  // namespace attnewton
