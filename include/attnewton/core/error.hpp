// Errors that a user meets, by exit code, and the contract check for those that only a programmer can cause.
#pragma once

#include <stdexcept>
#include <string>

namespace attnewton {

/// The program's exit codes; the library's errors carry the one that they lead to.
enum class ExitCode : int {
  success = 0,
  usage = 2,
  bad_data = 3,
  not_converged = 4,
  numerical_failure = 5,
  io = 6,
  internal = 70,
  stopped = 75,
};

/// Base of all errors that attnewton throws on purpose. The message says what, which value, where, and how to
/// mend it.
class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

/// An option or argument that makes no sense (exit 2).
struct UsageError : Error {
  explicit UsageError(const std::string& message) : Error(ExitCode::usage, message) {}
};

/// An input whose content is wrong: shape, type, NaN, offsets (exit 3). The message names the file.
struct DataError : Error {
  explicit DataError(const std::string& message) : Error(ExitCode::bad_data, message) {}
};

/// A computation that left the numbers' domain: overflow, a singular matrix (exit 5).
struct NumericalError : Error {
  explicit NumericalError(const std::string& message) : Error(ExitCode::numerical_failure, message) {}
};

/// The system refused to read or write (exit 6). The message names the file and the system's reason.
struct IoError : Error {
  explicit IoError(const std::string& message) : Error(ExitCode::io, message) {}
};

/// A broken contract inside the program (exit 70).
struct InternalError : Error {
  explicit InternalError(const std::string& message) : Error(ExitCode::internal, message) {}
};

/// Throws InternalError unless `condition` holds: for contracts between functions, never for user input.
inline void require(bool condition, const char* contract) {
  if (!condition) throw InternalError(std::string("broken contract: ") + contract);
}

}  // namespace attnewton
