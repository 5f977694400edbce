// result.json: what a solve found, with what, and from what.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "attnewton/core/provenance.hpp"
#include "attnewton/report/timing_report.hpp"
#include "attnewton/solver/iteration.hpp"

namespace attnewton {

/// An option's value, in the type that it has.
using OptionValue = std::variant<bool, Index, double, std::string, std::vector<std::string>,
                                 std::vector<Index>, std::vector<double>>;

struct UsedOption {
  std::string name;
  OptionValue value;
  bool given = false;  ///< on the command line or in a file, rather than by default
};

/// An input file, under the option that named it, with the hash of its bytes.
struct InputFile {
  std::string option;
  std::string path;
  std::string hash;
};

/// Where a result comes from.
struct Provenance {
  BuildInfo build;
  std::string mpi_library;
  std::string blas;
  std::string kernels;             ///< instruction set of the tile kernels
  std::vector<std::string> hosts;  ///< each once, in order of first rank
  std::string utc_time;
  std::string command;
  Index seed = 0;
  std::vector<InputFile> inputs;
};

/// Fills in what this job knows of itself; command, seed and inputs are left to the caller. Collective.
Provenance collect_provenance(const Communicator& comm);

/// How far a solution is from a known one.
struct ReferenceReport {
  std::vector<std::pair<std::string, double>> errors;  ///< relative, by name
  std::string words;                                   ///< the same for the console
};

struct SolveResult {
  std::string problem;                               ///< as --problem names it
  std::vector<std::pair<std::string, Index>> sizes;  ///< rows, widths, unknowns
  SolveStatus status = SolveStatus::numerical_failure;
  std::string reason;
  Index iterations = 0;
  std::string last_method;  ///< that made the last step, as IterationRecord has it; empty if there was none
  Objective objective;
  double initial_loss = 0;
  double gradient_norm = 0;
  double initial_gradient_norm = 0;
  double seconds = 0;
  Index peak_memory_bytes = 0;  ///< of the rank that used most
  int ranks = 1;
  int threads_per_rank = 1;
  std::optional<ReferenceReport> reference;  ///< if there was something to compare with
  std::vector<UsedOption> options;
  TimingSummary timing;
  Provenance provenance;
};

/// A result with what `summary` tells; the rest is left to the caller. Local.
SolveResult result_of(const SolveSummary& summary);

/// `result` as result.json has it: indented, keys in a fixed order, numbers that are not finite as strings.
std::string result_json(const SolveResult& result);

}  // namespace attnewton
