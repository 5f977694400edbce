#include "attnewton/parallel/communicator.hpp"

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <numeric>

#include "attnewton/core/error.hpp"

namespace attnewton {
namespace {

// Open MPI 4.1 counts in int: longer buffers go in parts of this many elements.
constexpr Index largest_part = Index{1} << 28;

template <class Call>
void in_parts(Index total, Call&& call) {
  for (Index done = 0; done < total; done += largest_part) {
    call(done, static_cast<int>(std::min(largest_part, total - done)));
  }
}

template <class T>
T all_reduced(MPI_Comm comm, T value, MPI_Datatype type, MPI_Op operation) {
  MPI_Allreduce(MPI_IN_PLACE, &value, 1, type, operation, comm);
  return value;
}

template <class T>
std::vector<T> gathered(MPI_Comm comm, int size, const T& value, MPI_Datatype type) {
  std::vector<T> values(static_cast<std::size_t>(size));
  MPI_Allgather(&value, 1, type, values.data(), 1, type, comm);
  return values;
}

}  // namespace

MpiEnvironment::MpiEnvironment(int* argc, char*** argv) {
  int provided = MPI_THREAD_SINGLE;
  MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided);
  require(provided >= MPI_THREAD_FUNNELED, "MPI offers MPI_THREAD_FUNNELED");
}

MpiEnvironment::~MpiEnvironment() {
  MPI_Finalize();
}

Communicator Communicator::world() {
  return Communicator(MPI_COMM_WORLD);
}

Communicator Communicator::self() {
  return Communicator(MPI_COMM_SELF);
}

Communicator::Communicator(MPI_Comm handle) : handle_(handle) {
  MPI_Comm_rank(handle_, &rank_);
  MPI_Comm_size(handle_, &size_);
}

void Communicator::barrier() const {
  MPI_Barrier(handle_);
}

void Communicator::sum(std::span<double> values) const {
  in_parts(static_cast<Index>(values.size()), [&](Index first, int count) {
    MPI_Allreduce(MPI_IN_PLACE, values.data() + first, count, MPI_DOUBLE, MPI_SUM, handle_);
  });
}

double Communicator::sum(double value) const {
  return all_reduced(handle_, value, MPI_DOUBLE, MPI_SUM);
}
Index Communicator::sum(Index value) const {
  return all_reduced(handle_, value, MPI_INT64_T, MPI_SUM);
}
double Communicator::max(double value) const {
  return all_reduced(handle_, value, MPI_DOUBLE, MPI_MAX);
}
double Communicator::min(double value) const {
  return all_reduced(handle_, value, MPI_DOUBLE, MPI_MIN);
}
Index Communicator::max(Index value) const {
  return all_reduced(handle_, value, MPI_INT64_T, MPI_MAX);
}
Index Communicator::min(Index value) const {
  return all_reduced(handle_, value, MPI_INT64_T, MPI_MIN);
}

void Communicator::broadcast(std::span<double> values, int root) const {
  in_parts(static_cast<Index>(values.size()), [&](Index first, int count) {
    MPI_Bcast(values.data() + first, count, MPI_DOUBLE, root, handle_);
  });
}

void Communicator::broadcast(std::span<Index> values, int root) const {
  in_parts(static_cast<Index>(values.size()), [&](Index first, int count) {
    MPI_Bcast(values.data() + first, count, MPI_INT64_T, root, handle_);
  });
}

std::string Communicator::broadcast(const std::string& text, int root) const {
  Index length = static_cast<Index>(text.size());
  broadcast(std::span<Index>(&length, 1), root);
  std::string received = text;
  received.resize(static_cast<std::size_t>(length));
  in_parts(length, [&](Index first, int count) {
    MPI_Bcast(received.data() + first, count, MPI_CHAR, root, handle_);
  });
  return received;
}

std::vector<Index> Communicator::all_gather(Index value) const {
  return gathered(handle_, size_, value, MPI_INT64_T);
}

std::vector<double> Communicator::all_gather(double value) const {
  return gathered(handle_, size_, value, MPI_DOUBLE);
}

std::vector<std::string> Communicator::all_gather(const std::string& text) const {
  std::vector<std::string> texts(static_cast<std::size_t>(size_));
  for (int root = 0; root < size_; ++root) texts[static_cast<std::size_t>(root)] = broadcast(text, root);
  return texts;
}

PendingExchange::~PendingExchange() {
  // While an error unwinds this rank, others may never come: the job is about to end.
  if (std::uncaught_exceptions() == 0) wait();
}

PendingExchange& PendingExchange::operator=(PendingExchange&& other) noexcept {
  if (this != &other) {
    wait();
    request_ = std::exchange(other.request_, MPI_REQUEST_NULL);
    offsets_ = std::move(other.offsets_);
  }
  return *this;
}

void PendingExchange::wait() {
  MPI_Wait(&request_, MPI_STATUS_IGNORE);
}

void PendingExchange::progress() {
  int done = 0;
  MPI_Test(&request_, &done, MPI_STATUS_IGNORE);
}

PendingExchange Communicator::start_exchange(std::span<const double> send, std::span<const int> send_counts,
                                             std::span<double> receive,
                                             std::span<const int> receive_counts) const {
  const auto ranks = static_cast<std::size_t>(size_);
  require(send_counts.size() == ranks && receive_counts.size() == ranks, "start_exchange: a count a rank");
  PendingExchange pending;
  // Send counts and displacements, then those to receive.
  pending.offsets_.resize(4 * ranks);
  int* const numbers = pending.offsets_.data();
  const auto lay_out = [ranks](std::span<const int> counts, int* to) {
    std::copy(counts.begin(), counts.end(), to);
    std::exclusive_scan(counts.begin(), counts.end(), to + ranks, 0);
    return static_cast<std::size_t>(to[2 * ranks - 1]) + static_cast<std::size_t>(counts.back());
  };
  require(lay_out(send_counts, numbers) == send.size(), "start_exchange: send holds a part for each rank");
  require(lay_out(receive_counts, numbers + 2 * ranks) == receive.size(),
          "start_exchange: receive has room for a part of each rank");
  MPI_Ialltoallv(send.data(), numbers, numbers + ranks, MPI_DOUBLE, receive.data(), numbers + 2 * ranks,
                 numbers + 3 * ranks, MPI_DOUBLE, handle_, &pending.request_);
  return pending;
}

void Communicator::abort(int exit_code) const {
  MPI_Abort(handle_, exit_code);
  std::abort();
}

}  // namespace attnewton
