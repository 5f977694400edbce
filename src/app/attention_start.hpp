// Where a solve or a check of an attention layer begins: X and Y from a rule or from files.
#pragma once

#include <string>

#include "attnewton/problems/attention.hpp"

#include "start_options.hpp"

namespace attnewton {

/// θ of the start, least-squares if no rule is given. `random` draws entries such that logits have a standard
/// deviation of about 1 and outputs the size of B. Throws DataError if a file does not fit. Collective on the
/// problem's communicator.
Vector starting_point(const AttentionProblem& problem, const StartOptions& options);

/// Reads the d₁ × d₂ matrix X, or the d₃ × e matrix Y. Local. Throws DataError naming file and shapes, or
/// IoError.
Matrix read_x(const AttentionProblem& problem, const std::string& path);
Matrix read_y(const AttentionProblem& problem, const std::string& path);

}  // namespace attnewton
