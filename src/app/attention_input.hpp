// Reading this rank's share of an attention problem.
#pragma once

#include "attnewton/problems/attention_data.hpp"
#include "attnewton/problems/attention_regulariser.hpp"

#include "problem_options.hpp"

namespace attnewton {

/// This rank's share of the problem, and the whole problem's sizes.
struct AttentionInput {
  AttentionData data;
  RegulariserOptions regulariser;
  Index rows = 0;       ///< of A1 and B
  Index keys = 0;       ///< of A2 and A3
  Index sequences = 0;  ///< how many
};

/// Reads the headers of all files, checks them against one another, and reads the rows that `rank` of `ranks`
/// needs. Local. Throws DataError naming the files and what differs, or IoError.
AttentionInput read_attention_share(const ProblemOptions& options, int rank, int ranks);

}  // namespace attnewton
