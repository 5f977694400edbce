// What is to be fitted: the options that say so, whatever the command.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "attnewton/io/csv.hpp"
#include "attnewton/problems/attention.hpp"
#include "attnewton/problems/regression.hpp"
#include "attnewton/problems/two_layer.hpp"

#include "option_table.hpp"

namespace attnewton {

/// --problem.
enum class ProblemKind { attention, multi_softmax, regression, two_layer };

/// "attention", "multi-softmax", "regression", "two-layer".
const char* to_string(ProblemKind kind);

struct ProblemOptions {
  ProblemKind kind = ProblemKind::attention;
  std::string a;
  std::string a1;
  std::string a2;  ///< empty: A2 = A1 (not with two_layer)
  std::string a3;  ///< empty: A3 = A2
  std::string b;
  std::string target_column;  ///< name or number; empty: b or the labels of a LIBSVM file
  std::string link = "exp";   ///< as link_named() takes it
  Normalisation normalisation = RegressionOptions().normalisation;
  Activation activation = TwoLayerOptions().activation;
  bool standardise = false;
  CsvHeader csv_header = CsvHeader::automatic;
  std::string offsets;      ///< empty: one sequence
  std::string key_offsets;  ///< empty: those of the queries
  bool append_ones = false;
  bool causal = AttentionData().causal;
  double scale = AttentionData().scale;
  std::string weights;  ///< a number or a file; empty: no weighted regulariser
  double ridge = RegulariserOptions().ridge;
  AttentionVariables variables = AttentionVariables::projected;
  Precision precision = Precision::full;
};

/// The problems that an option goes with.
OptionScope with_problems(const ProblemOptions& options, const std::vector<ProblemKind>& kinds);

/// Adds the options that say what the problem is. `options` must outlive the table's use.
void add_problem_options(OptionTable& table, ProblemOptions& options);

/// Adds --problem.
void add_problem_kind(OptionTable& table, ProblemOptions& options, const std::string& help);

/// Adds --link, --normalisation and --activation.
void add_functions(OptionTable& table, ProblemOptions& options);

/// Adds what is done to the columns of A's file: --target-column, --standardise, --csv-header.
void add_columns(OptionTable& table, ProblemOptions& options);

/// Adds --variables.
void add_variables(OptionTable& table, ProblemOptions& options);

/// Adds --precision for where `scope` holds.
void add_precision(OptionTable& table, ProblemOptions& options, const OptionScope& scope,
                   const std::string& help);

/// Throws UsageError if the options do not go together.
void check_problem_options(const ProblemOptions& options);

/// "exp", "cosh", "sinh", "soft-residual", "power:β" or "identity" as a link. Throws UsageError.
LinkFunction link_named(const std::string& word);

/// The options of this problem that name a file, with the file, in the order of the table.
std::vector<std::pair<std::string, std::string>> problem_files(const ProblemOptions& options);

}  // namespace attnewton
