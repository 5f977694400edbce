// What a solve leaves behind: the files in --out and the closing words.
#pragma once

#include <string>
#include <vector>

#include "attnewton/core/error.hpp"
#include "attnewton/report/convergence_plot.hpp"
#include "attnewton/report/result.hpp"

#include "option_table.hpp"

namespace attnewton {

/// Makes the folder, writes effective.ini there, and takes away the result.json of an earlier run, so that
/// one that is there tells of this run. Collective; throws IoError on every rank.
void begin_output(const Communicator& comm, const std::string& folder, const OptionTable& table);

/// Writes result.json. Collective; throws IoError on every rank.
void write_result(const Communicator& comm, const std::string& folder, const SolveResult& result);

/// Status, iterations, residual, gradient, seconds, and how close the references are: a few sentences.
std::string closing_words(const SolveResult& result);

ExitCode exit_code_of(SolveStatus status);

/// `folder`/`name`.
std::string path_in(const std::string& folder, const std::string& name);

}  // namespace attnewton
