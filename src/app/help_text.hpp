// Help for the terminal and the option reference in Markdown, both from the option tables.
#pragma once

#include <string>

#include "command.hpp"

namespace attnewton {

/// What `attnewton --help` prints.
std::string program_help(const Commands& commands);

/// What `attnewton COMMAND --help` prints.
std::string command_help(const OptionTable& table);

/// docs/options.md: every command's options.
std::string markdown_reference(const Commands& commands);

}  // namespace attnewton
