// Where a solve or a check begins: X and Y from a rule or from files.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "attnewton/problems/attention.hpp"

#include "option_table.hpp"

namespace attnewton {

struct StartOptions {
  std::vector<std::string> words;  ///< zero, random, least-squares, or the files of X and Y
  std::uint64_t seed = 1;
};

/// Adds the option `name` (--init, --at) with `options.words` as default.
void add_start(OptionTable& table, const std::string& name, StartOptions& options);

/// θ of the start. `random` draws entries such that logits have a standard deviation of about 1 and outputs
/// the size of B. Throws DataError if a file does not fit. Collective on the problem's communicator.
Vector starting_point(const AttentionProblem& problem, const StartOptions& options);

/// Reads the d₁ × d₂ matrix X, or the d₃ × e matrix Y. Local. Throws DataError naming file and shapes, or
/// IoError.
Matrix read_x(const AttentionProblem& problem, const std::string& path);
Matrix read_y(const AttentionProblem& problem, const std::string& path);

/// The paths among `options.words`. Local.
std::vector<std::string> start_files(const StartOptions& options);

}  // namespace attnewton
