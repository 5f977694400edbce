#include "solve_output.hpp"

#include <filesystem>

#include <fmt/format.h>

#include "attnewton/io/atomic_file.hpp"
#include "attnewton/parallel/agreement.hpp"

namespace attnewton {

std::string path_in(const std::string& folder, const std::string& name) {
  return (std::filesystem::path(folder) / name).string();
}

void begin_output(const Communicator& comm, const std::string& folder, const OptionTable& table) {
  agree_on_errors(comm, [&] {
    if (!comm.is_root()) return;
    make_directories(folder);
    std::error_code ignored;
    // An older x.npy stays until a new one replaces it: this solve may have started from it.
    for (const char* name : {"result.json", "convergence.png"})
      std::filesystem::remove(path_in(folder, name), ignored);
    write_file_atomically(path_in(folder, "effective.ini"), table.ini_text());
  });
}

void write_result(const Communicator& comm, const std::string& folder, const SolveResult& result) {
  agree_on_errors(comm, [&] {
    if (comm.is_root()) write_file_atomically(path_in(folder, "result.json"), result_json(result));
  });
}

// Why a solve converged, where it is not that the gradient fell as far as was asked.
std::string ending_worth_telling(const SolveResult& result) {
  return result.reason.starts_with("the gradient fell") ? "" : fmt::format(" ({})", result.reason);
}

std::string closing_words(const SolveResult& result) {
  const double fell_to =
      result.initial_gradient_norm > 0 ? result.gradient_norm / result.initial_gradient_norm : 0;
  const std::string iterations =
      fmt::format("{} iteration{}", result.iterations, result.iterations == 1 ? "" : "s");
  std::string words = result.status == SolveStatus::converged
                          ? fmt::format("Converged after {}{}", iterations, ending_worth_telling(result))
                          : fmt::format("{} after {} ({})",
                                        result.status == SolveStatus::stopped ? "Stopped" : "Not converged",
                                        iterations, result.reason);
  words +=
      fmt::format(": gradient at {:.1e} of its first norm, relative residual {:.2e}, loss {:.6e}, {:.2f} s.",
                  fell_to, result.objective.relative_residual, result.objective.loss, result.seconds);
  if (result.reference)
    words += fmt::format("\nAgainst the reference, relative: {}.", result.reference->words);
  return words;
}

ExitCode exit_code_of(SolveStatus status) {
  switch (status) {
    case SolveStatus::converged:
      return ExitCode::success;
    case SolveStatus::max_iterations:
    case SolveStatus::time_limit:
      return ExitCode::not_converged;
    case SolveStatus::numerical_failure:
      return ExitCode::numerical_failure;
    case SolveStatus::stopped:
      return ExitCode::stopped;
  }
  return ExitCode::internal;
}

}  // namespace attnewton
