// MPI as values: the environment's life time, and a communicator with the collectives that attnewton uses.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include <mpi.h>

#include "attnewton/core/types.hpp"

namespace attnewton {

/// Initialises MPI (MPI_THREAD_FUNNELED) for its life time. One per process, on the main thread.
class MpiEnvironment {
 public:
  MpiEnvironment(int* argc, char*** argv);
  ~MpiEnvironment();
  MpiEnvironment(const MpiEnvironment&) = delete;
  MpiEnvironment& operator=(const MpiEnvironment&) = delete;
};

/// An exchange that goes on while its ranks compute. Waits for its end when it goes out of scope.
class PendingExchange {
 public:
  PendingExchange() = default;
  ~PendingExchange();
  PendingExchange(PendingExchange&& other) noexcept
      : request_(std::exchange(other.request_, MPI_REQUEST_NULL)), offsets_(std::move(other.offsets_)) {}
  PendingExchange& operator=(PendingExchange&& other) noexcept;
  PendingExchange(const PendingExchange&) = delete;
  PendingExchange& operator=(const PendingExchange&) = delete;

  /// Returns when this rank has all its parts. Local, but every rank's call is needed for all to end.
  void wait();
  /// Lets MPI move what it can now, and returns.
  void progress();

 private:
  friend class Communicator;

  MPI_Request request_ = MPI_REQUEST_NULL;
  std::vector<int> offsets_;  // of counts and displacements, which MPI reads until the end
};

/// A group of ranks. Copies share the MPI communicator; collectives are called by the main thread of every
/// rank. Counts may pass 2^31: the calls are split. MPI errors end the job (MPI_ERRORS_ARE_FATAL).
class Communicator {
 public:
  /// All ranks of the job.
  static Communicator world();
  /// This rank alone.
  static Communicator self();
  /// Uses `handle` without owning it.
  explicit Communicator(MPI_Comm handle);

  int rank() const { return rank_; }
  int size() const { return size_; }
  bool is_root() const { return rank_ == 0; }
  MPI_Comm handle() const { return handle_; }

  /// Collective: returns when all ranks have come.
  void barrier() const;
  /// Collective: sums `values` over ranks, in place, on every rank. Same bits for the same ranks and sizes.
  void sum(std::span<double> values) const;
  void sum(Matrix& values) const {
    sum(std::span<double>(values.data(), static_cast<std::size_t>(values.size())));
  }
  double sum(double value) const;
  Index sum(Index value) const;
  /// Collective: largest and smallest over ranks, on every rank.
  double max(double value) const;
  double min(double value) const;
  Index max(Index value) const;
  Index min(Index value) const;
  /// Collective: `values` of rank `root` replace those of every rank; sizes must agree.
  void broadcast(std::span<double> values, int root = 0) const;
  void broadcast(std::span<Index> values, int root = 0) const;
  /// Collective: `text` of rank `root` on every rank.
  std::string broadcast(const std::string& text, int root = 0) const;
  /// Collective: the value of each rank, in rank order, on every rank.
  std::vector<Index> all_gather(Index value) const;
  std::vector<double> all_gather(double value) const;
  /// Collective: the text of each rank, in rank order, on every rank.
  std::vector<std::string> all_gather(const std::string& text) const;
  /// Collective, begins an exchange and returns: `send` holds size() consecutive parts of send_counts[r]
  /// values, part r for rank r; `receive` receives parts of receive_counts[r] values from rank r. Both must
  /// stay as they are until the exchange has ended. Each count must fit MPI's int.
  PendingExchange start_exchange(std::span<const double> send, std::span<const int> send_counts,
                                 std::span<double> receive, std::span<const int> receive_counts) const;

  /// Ends the whole job with `exit_code`; for errors that other ranks cannot know of. Does not return.
  [[noreturn]] void abort(int exit_code) const;

 private:
  MPI_Comm handle_;
  int rank_ = 0;
  int size_ = 1;
};

}  // namespace attnewton
