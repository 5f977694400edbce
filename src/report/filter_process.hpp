// Runs another program as a filter.
#pragma once

#include <string>
#include <vector>

namespace attnewton {

struct FilterOutcome {
  bool started = false;  ///< false: there is no such program
  int exit_code = 0;     ///< 128 + signal if a signal ended it
  std::string output;
};

/// Runs `command` (looked up in PATH, no shell) with `input` on its standard input and collects its standard
/// output; its errors go nowhere. Throws IoError if the system refuses files or processes.
FilterOutcome run_filter(const std::vector<std::string>& command, const std::string& input);

}  // namespace attnewton
