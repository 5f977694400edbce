// MPI as values: the environment's life time, and a communicator with the collectives that attnewton uses.
#pragma once

#include <memory>
#include <span>
#include <string>
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

/// An exchange that goes on while its ranks compute; it owns what is sent and what arrives. Waits for its end
/// when it goes out of scope, unless an error is unwinding this rank: others may never come then, and MPI
/// keeps the buffers, which it may still write to.
class PendingExchange {
 public:
  PendingExchange();
  ~PendingExchange();
  PendingExchange(PendingExchange&& other) noexcept;
  PendingExchange& operator=(PendingExchange&& other) noexcept;
  PendingExchange(const PendingExchange&) = delete;
  PendingExchange& operator=(const PendingExchange&) = delete;

  /// The parts of all ranks, in rank order, once this rank has them. Local, but every rank's call is needed
  /// for all to end.
  const std::vector<double>& wait();
  /// Lets MPI move what it can now, and returns.
  void progress();

 private:
  friend class Communicator;
  struct State;

  explicit PendingExchange(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
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
  void sum(Vector& values) const {
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
  void broadcast(Vector& values, int root = 0) const {
    broadcast(std::span<double>(values.data(), static_cast<std::size_t>(values.size())), root);
  }
  void broadcast(std::span<Index> values, int root = 0) const;
  /// Collective: `text` of rank `root` on every rank.
  std::string broadcast(const std::string& text, int root = 0) const;
  /// Collective: the value of each rank, in rank order, on every rank.
  std::vector<Index> all_gather(Index value) const;
  std::vector<double> all_gather(double value) const;
  /// Collective: the text of each rank, in rank order, on every rank.
  std::vector<std::string> all_gather(const std::string& text) const;
  /// Collective, begins an exchange and returns: `send` holds size() consecutive parts of send_counts[r]
  /// values, part r for rank r; receive_counts[r] values come from rank r. Each count, and the sum of all but
  /// the last, must fit MPI's int: throws InternalError if not.
  PendingExchange start_exchange(std::vector<double> send, std::span<const Index> send_counts,
                                 std::span<const Index> receive_counts) const;

  /// Ends the whole job with `exit_code`; for errors that other ranks cannot know of. Does not return.
  [[noreturn]] void abort(int exit_code) const;

 private:
  MPI_Comm handle_;
  int rank_ = 0;
  int size_ = 1;
};

}  // namespace attnewton
