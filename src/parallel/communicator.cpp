#include "attnewton/parallel/communicator.hpp"

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <limits>
#include <memory>
#include <utility>

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

// What MPI reads and writes until the end.
struct PendingExchange::State {
  std::vector<double> send;
  std::vector<double> received;
  std::vector<int> offsets;  // counts and displacements, to send and to receive
  MPI_Request request = MPI_REQUEST_NULL;
};

PendingExchange::PendingExchange() = default;
PendingExchange::PendingExchange(std::unique_ptr<State> state) : state_(std::move(state)) {}
PendingExchange::PendingExchange(PendingExchange&& other) noexcept = default;

PendingExchange::~PendingExchange() {
  if (!state_) return;
  if (std::uncaught_exceptions() == 0) {
    wait();
  } else if (state_->request != MPI_REQUEST_NULL) {
    static_cast<void>(state_.release());  // MPI's from here on
  }
}

PendingExchange& PendingExchange::operator=(PendingExchange&& other) noexcept {
  if (this != &other) {
    if (state_) wait();
    state_ = std::move(other.state_);
  }
  return *this;
}

const std::vector<double>& PendingExchange::wait() {
  require(state_ != nullptr, "PendingExchange::wait: an exchange was started");
  MPI_Wait(&state_->request, MPI_STATUS_IGNORE);
  return state_->received;
}

void PendingExchange::progress() {
  int done = 0;
  if (state_) MPI_Test(&state_->request, &done, MPI_STATUS_IGNORE);
}

namespace {

// Counts and displacements of the parts as MPI wants them; returns the number of values.
Index lay_out(std::span<const Index> counts, int* to) {
  constexpr Index most = std::numeric_limits<int>::max();
  const auto ranks = counts.size();
  Index before = 0;
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    require(counts[rank] >= 0 && counts[rank] <= most && before <= most,
            "start_exchange: the parts fit MPI's int");
    to[rank] = static_cast<int>(counts[rank]);
    to[ranks + rank] = static_cast<int>(before);
    before += counts[rank];
  }
  return before;
}

}  // namespace

PendingExchange Communicator::start_exchange(std::vector<double> send, std::span<const Index> send_counts,
                                             std::span<const Index> receive_counts) const {
  const auto ranks = static_cast<std::size_t>(size_);
  require(send_counts.size() == ranks && receive_counts.size() == ranks, "start_exchange: a count a rank");
  auto state = std::make_unique<PendingExchange::State>();
  state->offsets.resize(4 * ranks);
  int* const sending = state->offsets.data();
  int* const receiving = sending + 2 * ranks;
  require(lay_out(send_counts, sending) == static_cast<Index>(send.size()),
          "start_exchange: send holds a part for each rank");
  state->send = std::move(send);
  state->received.resize(static_cast<std::size_t>(lay_out(receive_counts, receiving)));
  MPI_Ialltoallv(state->send.data(), sending, sending + ranks, MPI_DOUBLE, state->received.data(), receiving,
                 receiving + ranks, MPI_DOUBLE, handle_, &state->request);
  return PendingExchange(std::move(state));
}

void Communicator::abort(int exit_code) const {
  MPI_Abort(handle_, exit_code);
  std::abort();
}

}  // namespace attnewton
