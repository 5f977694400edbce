#include "error_meeting.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "attnewton/core/timing.hpp"

namespace attnewton {
namespace {

// Long enough for ranks that fail alike on a busy machine, short enough for "within 5 s".
constexpr double patience_seconds = 2;

struct Failure {
  ExitCode code = ExitCode::internal;
  std::string message;
};

// The ranks of a communicator once more, for calls that must not mix with those an error has cut short.
class MeetingPlace {
 public:
  explicit MeetingPlace(const Communicator& comm) { MPI_Comm_dup(comm.handle(), &handle_); }
  ~MeetingPlace() {
    if (handle_ != MPI_COMM_NULL) MPI_Comm_free(&handle_);
  }
  MeetingPlace(const MeetingPlace&) = delete;
  MeetingPlace& operator=(const MeetingPlace&) = delete;

  Communicator comm() const { return Communicator(handle_); }

  /// Whether all ranks call this within patience_seconds.
  bool all_come() const {
    MPI_Request request = MPI_REQUEST_NULL;
    MPI_Ibarrier(handle_, &request);
    const Stopwatch watch;
    int done = 0;
    while (true) {
      MPI_Test(&request, &done, MPI_STATUS_IGNORE);
      if (done != 0 || watch.seconds() > patience_seconds) return done != 0;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

 private:
  MPI_Comm handle_ = MPI_COMM_NULL;
};

std::optional<Failure> run_and_catch(const std::function<ExitCode()>& work, ExitCode& code) {
  try {
    code = work();
    return std::nullopt;
  } catch (const Error& error) {
    return Failure{error.code(), error.what()};
  } catch (const std::bad_alloc&) {
    return Failure{ExitCode::numerical_failure, "out of memory"};
  } catch (const std::exception& error) {
    return Failure{ExitCode::internal, error.what()};
  }
}

void print_error(const std::string& message) {
  std::fflush(stdout);
  fmt::print(stderr, "attnewton: error: {}\n", message);
  std::fflush(stderr);
}

void print_distinct(std::vector<std::string> messages) {
  const std::string first = messages.front();
  print_error(first);
  std::sort(messages.begin(), messages.end());
  messages.erase(std::unique(messages.begin(), messages.end()), messages.end());
  for (const std::string& message : messages) {
    if (message != first) print_error(message);
  }
}

}  // namespace

int run_and_report(const Communicator& comm, const std::function<ExitCode()>& work) {
  const MeetingPlace place(comm);
  ExitCode code = ExitCode::success;
  const std::optional<Failure> failure = run_and_catch(work, code);
  if (!failure) return static_cast<int>(code);

  Index exit_code = static_cast<Index>(failure->code);
  if (!place.all_come()) {
    print_error(fmt::format("{} (on rank {}; the job ends)", failure->message, comm.rank()));
    comm.abort(static_cast<int>(exit_code));
  }
  const std::vector<std::string> messages = place.comm().all_gather(failure->message);
  place.comm().broadcast(std::span<Index>(&exit_code, 1));
  if (comm.is_root()) print_distinct(messages);
  return static_cast<int>(exit_code);
}

}  // namespace attnewton
