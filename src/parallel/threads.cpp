#include "attnewton/parallel/threads.hpp"

#include <dlfcn.h>
#include <sched.h>

#include <algorithm>

#include <fmt/format.h>
#include <oneapi/tbb/global_control.h>

#include "attnewton/core/error.hpp"

namespace attnewton {
namespace tbb = oneapi::tbb;
namespace {

// OpenBLAS' own calls, looked up at run time so that any other BLAS still links.
template <class Function>
Function* blas_symbol(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_DEFAULT, name));
}

int openblas_threads() {
  auto* get = blas_symbol<int()>("openblas_get_num_threads");
  return get != nullptr ? get() : 1;
}

void set_openblas_threads(int threads) {
  if (auto* set = blas_symbol<void(int)>("openblas_set_num_threads")) set(threads);
}

}  // namespace

int cores_of_rank(const Communicator& comm) {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  if (sched_getaffinity(0, sizeof mask, &mask) != 0) return 1;
  const int cores = CPU_COUNT(&mask);
  int first = 0;
  while (first < CPU_SETSIZE && !CPU_ISSET(first, &mask)) ++first;

  // Ranks with the same first core on the same host share one mask.
  MPI_Comm node = MPI_COMM_NULL;
  MPI_Comm_split_type(comm.handle(), MPI_COMM_TYPE_SHARED, comm.rank(), MPI_INFO_NULL, &node);
  MPI_Comm same_mask = MPI_COMM_NULL;
  MPI_Comm_split(node, first, comm.rank(), &same_mask);
  int sharers = 1;
  MPI_Comm_size(same_mask, &sharers);
  MPI_Comm_free(&same_mask);
  MPI_Comm_free(&node);
  return std::max(1, cores / sharers);
}

std::optional<std::string> binding_warning(int threads, int cores) {
  if (threads <= cores) return std::nullopt;
  return fmt::format(
      "each rank asks for {0} threads but can count on {1} core{2}: start fewer ranks, use --threads {1}, or "
      "let a rank "
      "have more cores with mpirun --bind-to none or --map-by slot:PE={0}",
      threads, cores, cores == 1 ? "" : "s");
}

struct ThreadLimit::Control {
  explicit Control(int threads)
      : limit(tbb::global_control::max_allowed_parallelism, static_cast<std::size_t>(std::max(1, threads))) {}
  tbb::global_control limit;
};

ThreadLimit::ThreadLimit(int threads) : control_(std::make_unique<Control>(threads)) {}

ThreadLimit::~ThreadLimit() = default;

int thread_limit() {
  return static_cast<int>(tbb::global_control::active_value(tbb::global_control::max_allowed_parallelism));
}

BlasThreads::BlasThreads(int threads) : before_(openblas_threads()) {
  if (threads != before_) set_openblas_threads(threads);
}

BlasThreads::~BlasThreads() {
  if (openblas_threads() != before_) set_openblas_threads(before_);
}

void prepare_blas(int threads) {
  auto* parallel = blas_symbol<int()>("openblas_get_parallel");
  if (parallel != nullptr && parallel() == 0 && threads > 1) {
    throw UsageError(
        "the BLAS in use is OpenBLAS built without threads, which is not thread safe: install "
        "libopenblas0-pthread (and "
        "choose it with update-alternatives), or run with --threads 1 and more ranks");
  }
  set_openblas_threads(1);
}

std::string blas_description() {
  auto* config = blas_symbol<char*()>("openblas_get_config");
  if (config == nullptr) return "unknown BLAS";
  std::string text = config();
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

}  // namespace attnewton
