#include "attnewton/parallel/agreement.hpp"

#include <new>
#include <string>

#include "attnewton/core/error.hpp"

namespace attnewton {
namespace {

struct Failure {
  bool happened = false;
  ExitCode code = ExitCode::internal;
  std::string message;
};

Failure run_and_catch(const std::function<void()>& work) {
  try {
    work();
    return {};
  } catch (const Error& error) {
    return {true, error.code(), error.what()};
  } catch (const std::bad_alloc&) {
    return {true, ExitCode::numerical_failure, "out of memory: use more ranks or nodes, or fewer rows"};
  } catch (const std::exception& error) {
    return {true, ExitCode::internal, error.what()};
  } catch (...) {
    return {true, ExitCode::internal, "an exception of unknown type"};
  }
}

[[noreturn]] void throw_typed(ExitCode code, const std::string& message) {
  switch (code) {
    case ExitCode::usage:
      throw UsageError(message);
    case ExitCode::bad_data:
      throw DataError(message);
    case ExitCode::numerical_failure:
      throw NumericalError(message);
    case ExitCode::io:
      throw IoError(message);
    default:
      throw Error(code, message);
  }
}

}  // namespace

void agree_on_errors(const Communicator& comm, const std::function<void()>& work) {
  const Failure mine = run_and_catch(work);
  const Index first = comm.min(mine.happened ? Index{comm.rank()} : Index{comm.size()});
  if (first == comm.size()) return;

  const int speaker = static_cast<int>(first);
  const Index failed = comm.sum(mine.happened ? Index{1} : Index{0});
  Index code = static_cast<Index>(mine.code);
  comm.broadcast(std::span<Index>(&code, 1), speaker);
  std::string message = comm.broadcast(mine.message, speaker);
  if (failed < comm.size()) message += " (on rank " + std::to_string(speaker) + ")";
  throw_typed(static_cast<ExitCode>(code), message);
}

}  // namespace attnewton
