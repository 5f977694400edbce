// An attention problem's options about its data, and reading this rank's share of it.
#pragma once

#include <string>
#include <vector>

#include "attnewton/problems/attention_data.hpp"
#include "attnewton/problems/attention_regulariser.hpp"

#include "option_table.hpp"

namespace attnewton {

/// --problem; the kinds to come get their own data.
enum class ProblemKind { attention };

struct AttentionInputOptions {
  ProblemKind kind = ProblemKind::attention;
  std::string a1;
  std::string a2;  ///< empty: A2 = A1
  std::string a3;  ///< empty: A3 = A2
  std::string b;
  std::string offsets;      ///< empty: one sequence
  std::string key_offsets;  ///< empty: those of the queries
  bool append_ones = false;
  bool causal = AttentionData().causal;
  double scale = AttentionData().scale;
  std::string weights;  ///< a number or an npy file; empty: no weighted regulariser
  double ridge = RegulariserOptions().ridge;
};

/// Adds the options that say what the problem is. `options` must outlive the table's use.
void add_attention_input(OptionTable& table, AttentionInputOptions& options);

/// Throws UsageError if the options do not go together.
void check_attention_input(const AttentionInputOptions& options);

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
AttentionInput read_attention_share(const AttentionInputOptions& options, int rank, int ranks);

/// The options that name a file, with the file, in the order of the table.
std::vector<std::pair<std::string, std::string>> attention_files(const AttentionInputOptions& options);

}  // namespace attnewton
