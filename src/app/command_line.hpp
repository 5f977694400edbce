// Reads a command's options from the command line and from INI files.
#pragma once

#include <string>
#include <vector>

#include "option_table.hpp"

namespace attnewton {

/// Sets the options of `table` from `arguments` and from the INI file that --config names; the command line
/// wins. Local. Throws UsageError, with the nearest name for an unknown one, or IoError if the INI file
/// cannot be read.
void read_options(OptionTable& table, const std::vector<std::string>& arguments);

/// The options on a command line, whole words only. Throws UsageError.
std::vector<GivenOption> parse_command_line(const OptionTable& table,
                                            const std::vector<std::string>& arguments);

/// The options in the INI file `path`: lines `name = value`; empty lines and those that start with # or ; are
/// passed over. An option with several values stands on as many lines. Throws UsageError or IoError.
std::vector<GivenOption> read_ini_file(const OptionTable& table, const std::string& path);

}  // namespace attnewton
