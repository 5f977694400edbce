// What `attnewton solve` can be told.
#pragma once

#include <string>

#include "attnewton/report/console_table.hpp"

#include "loaded_problem.hpp"
#include "method_options.hpp"
#include "start_options.hpp"

namespace attnewton {

struct SolveOptions {
  ProblemOptions problem;
  StartOptions start;
  MethodOptions method;
  ReferenceFiles reference;
  Index threads = 0;  ///< 0: the cores of the rank
  std::string config;
  std::string out = "attnewton-result";
  ConsoleTableOptions console;
  bool quiet = false;
};

/// Adds all of them. `options` must outlive the table's use.
void add_solve_options(OptionTable& table, SolveOptions& options);

/// Throws UsageError if the options do not go together.
void check_solve_options(const SolveOptions& options);

}  // namespace attnewton
