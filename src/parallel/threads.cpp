#include "attnewton/parallel/threads.hpp"

#include <dlfcn.h>
#include <sched.h>
#include <sys/mman.h>

#include <algorithm>
#include <new>
#include <vector>

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

// The CPUs of this process' affinity mask; none if the system will not say. Kernels built for many CPUs want
// long masks.
std::vector<int> allowed_cpus() {
  for (int capacity = CPU_SETSIZE; capacity <= (1 << 20); capacity *= 2) {
    cpu_set_t* mask = CPU_ALLOC(capacity);
    if (mask == nullptr) return {};
    const std::size_t bytes = CPU_ALLOC_SIZE(capacity);
    std::vector<int> cpus;
    const bool known = sched_getaffinity(0, bytes, mask) == 0;
    for (int cpu = 0; known && cpu < capacity; ++cpu) {
      if (CPU_ISSET_S(static_cast<std::size_t>(cpu), bytes, mask)) cpus.push_back(cpu);
    }
    CPU_FREE(mask);
    if (known) return cpus;
  }
  return {};
}

void set_openblas_threads(int threads) {
  if (auto* set = blas_symbol<void(int)>("openblas_set_num_threads")) set(threads);
}

// OpenBLAS maps a buffer a thread at its first call, and where the system refuses tries again for ever: a
// rank that ran short of memory in the middle of a solve would hang, and with it all others.
void reserve_blas_buffers(int threads) {
  auto* take = blas_symbol<void*(int)>("blas_memory_alloc");
  auto* give_back = blas_symbol<void(void*)>("blas_memory_free");
  if (take == nullptr || give_back == nullptr) return;
  constexpr std::size_t buffer_bytes = std::size_t{128} << 20;  // the most on any processor, nearly
  const std::size_t bytes = buffer_bytes * static_cast<std::size_t>(threads);
  void* room = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (room == MAP_FAILED) throw std::bad_alloc();
  munmap(room, bytes);
  std::vector<void*> buffers;
  buffers.reserve(static_cast<std::size_t>(threads));
  for (int i = 0; i < threads; ++i) buffers.push_back(take(0));
  for (void* buffer : buffers) give_back(buffer);  // they stay with OpenBLAS
}

}  // namespace

int cores_of_rank(const Communicator& comm) {
  const std::vector<int> mine = allowed_cpus();
  std::string mask;
  for (const int cpu : mine) mask += fmt::format("{},", cpu);

  MPI_Comm node = MPI_COMM_NULL;
  MPI_Comm_split_type(comm.handle(), MPI_COMM_TYPE_SHARED, comm.rank(), MPI_INFO_NULL, &node);
  const std::vector<std::string> masks = Communicator(node).all_gather(mask);
  MPI_Comm_free(&node);
  const auto sharers = std::count(masks.begin(), masks.end(), mask);
  return std::max(1, static_cast<int>(mine.size()) / static_cast<int>(sharers));
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
  reserve_blas_buffers(threads);
}

std::string blas_description() {
  auto* config = blas_symbol<char*()>("openblas_get_config");
  if (config == nullptr) return "unknown BLAS";
  std::string text = config();
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

}  // namespace attnewton
