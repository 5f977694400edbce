// Where a solve or a check begins.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "option_table.hpp"

namespace attnewton {

struct StartOptions {
  std::vector<std::string> words;  ///< zero, random, least-squares, or files; none: the problem's default
  std::uint64_t seed = 1;

  /// The paths among the words.
  std::vector<std::string> files() const;
};

/// Adds the option `name` (--init, --at); `default_help` says what it is when not given.
void add_start(OptionTable& table, const std::string& name, StartOptions& options,
               const std::string& default_help);

}  // namespace attnewton
