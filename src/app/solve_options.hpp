// What `attnewton solve` can be told.
#pragma once

#include <string>

#include "attnewton/curvature/attention_hessian.hpp"
#include "attnewton/report/console_table.hpp"
#include "attnewton/solver/newton.hpp"

#include "attention_input.hpp"
#include "attention_start.hpp"

namespace attnewton {

/// --method; the kinds to come are other solvers.
enum class SolveMethod { newton };

struct SolveOptions {
  AttentionInputOptions input;
  AttentionVariables variables = AttentionVariables::projected;
  StartOptions start{{"least-squares"}, 1};
  SolveMethod method = SolveMethod::newton;
  HessianForm hessian = HessianForm::exact;
  Precision precision = Precision::full;
  NewtonOptions newton;
  std::string reference_x;
  std::string reference_y;
  Index threads = 0;  ///< 0: the cores of the rank
  std::string config;
  std::string out = "attnewton-result";
  ConsoleTableOptions console;
  bool quiet = false;
};

/// Adds all of them. `options` must outlive the table's use.
void add_solve_options(OptionTable& table, SolveOptions& options);

/// Adds --variables.
void add_variables(OptionTable& table, AttentionVariables& variables);

/// Adds --precision.
void add_precision(OptionTable& table, Precision& precision, const std::string& help);

/// Throws UsageError if the options do not go together.
void check_solve_options(const SolveOptions& options);

}  // namespace attnewton
