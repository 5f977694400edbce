// What `attnewton generate` can be told, and its kinds of problem.
#pragma once

#include <string>

#include "attnewton/problems/attention_generator.hpp"
#include "attnewton/problems/regression_generator.hpp"

#include "problem_options.hpp"

namespace attnewton {

struct GenerateOptions {
  ProblemOptions problem;     ///< the kind, and what a regression is planted in
  AttentionRecipe attention;  ///< rows, width, noise, scale of the logits and seed are those of all kinds
  RowsRecipe rows;            ///< of regressions: density and heavy rows
  Index keys = 0;             ///< of multi-softmax; 0: as many as rows
  Index threads = 0;
  std::string config;
  std::string out;
};

// Each makes a problem of one kind, writes its files into options.out and says so on rank 0. Collective on
// `comm`; throw the same error on every rank: UsageError, DataError, NumericalError for numbers that
// overflow, IoError.
void generate_attention_files(const Communicator& comm, const GenerateOptions& options);
void generate_multi_softmax_files(const Communicator& comm, const GenerateOptions& options);
void generate_regression_files(const Communicator& comm, const GenerateOptions& options);
void generate_two_layer_files(const Communicator& comm, const GenerateOptions& options);

}  // namespace attnewton
