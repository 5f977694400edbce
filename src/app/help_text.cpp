#include "help_text.hpp"

#include <algorithm>
#include <sstream>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace attnewton {
namespace {

constexpr std::size_t help_width = 100;
constexpr std::size_t help_indent = 34;

constexpr const char* exit_codes =
    "0 converged or done, 2 usage, 3 bad data, 4 not converged, 5 numerical failure, 6 input or output, "
    "70 internal error, 75 stopped by a signal";

// Columns that `text`, in UTF-8, takes: continuation bytes take none.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

// `text` in lines of at most help_width, all but the first indented.
std::string wrapped(const std::string& text, std::size_t indent) {
  std::istringstream words(text);
  std::string lines;
  std::size_t column = indent;
  for (std::string word; words >> word;) {
    if (column > indent && column + 1 + width_of(word) > help_width) {
      lines += fmt::format("\n{:{}}", "", indent);
      column = indent;
    } else if (column > indent) {
      lines += ' ';
      ++column;
    }
    lines += word;
    column += width_of(word);
  }
  return lines;
}

std::string value_text(const Option& option) {
  if (option.is_flag()) return "";
  return option.value_name.empty() ? fmt::format("{}", fmt::join(option.choices, "|")) : option.value_name;
}

// What an option does, and what it goes with.
std::string meaning(const Option& option) {
  if (option.scope.text.empty()) return option.help;
  return fmt::format("{} With {}.", option.help, option.scope.text);
}

std::string option_entry(const Option& option) {
  std::string head = fmt::format("  --{} {}", option.name, value_text(option));
  std::string help = meaning(option);
  if (!option.default_text.empty()) help += fmt::format(" Default: {}.", option.default_text);
  const bool fits = head.size() < help_indent;
  head +=
      fits ? fmt::format("{:{}}", "", help_indent - head.size()) : fmt::format("\n{:{}}", "", help_indent);
  return head + wrapped(help, help_indent) + "\n";
}

// A bar would end the cell of a Markdown table, a bare <word> would be taken for HTML.
std::string markdown_cell(const std::string& text) {
  std::string cell;
  for (const char c : text) {
    if (c == '|') cell += '\\';
    cell += c;
  }
  return cell;
}

std::string markdown_row(const Option& option) {
  const std::string value = value_text(option);
  return fmt::format(
      "| `--{}{}` | {} | {} |\n", option.name, value.empty() ? "" : fmt::format(" {}", markdown_cell(value)),
      option.default_text.empty() ? "" : fmt::format("`{}`", markdown_cell(option.default_text)),
      markdown_cell(meaning(option)));
}

std::string markdown_section(const OptionTable& table) {
  std::string text = fmt::format("\n## attnewton {}\n\n{}\n", table.command(), table.summary());
  std::string group;
  for (const Option& option : table.options()) {
    if (option.group != group) {
      text += fmt::format("\n**{}**\n\n| option | default | meaning |\n|---|---|---|\n", option.group);
      group = option.group;
    }
    text += markdown_row(option);
  }
  return text;
}

}  // namespace

std::string program_help(const Commands& commands) {
  std::string text =
      "attnewton fits and checks attention layers by Newton's method on distributed memory.\n\n"
      "usage: attnewton COMMAND [options]        (mpirun -n P attnewton ... for P ranks)\n"
      "       attnewton COMMAND --help\n"
      "       attnewton --version\n"
      "       attnewton help --markdown          the reference of all options\n\ncommands:\n";
  for (const auto& command : commands)
    text += fmt::format("  {:<10}{}\n", command->table().command(), wrapped(command->table().summary(), 12));
  return text + "\n" + wrapped(fmt::format("exit codes: {}.", exit_codes), 0) + "\n";
}

std::string command_help(const OptionTable& table) {
  std::string text =
      fmt::format("usage: attnewton {} [options]\n\n{}\n", table.command(), wrapped(table.summary(), 0));
  std::string group;
  for (const Option& option : table.options()) {
    if (option.group != group) {
      text += fmt::format("\n{}:\n", option.group);
      group = option.group;
    }
    text += option_entry(option);
  }
  return text;
}

std::string markdown_reference(const Commands& commands) {
  std::string text =
      "# Options\n\nWritten by `attnewton help --markdown`; a test checks that it is up to date.\n\n"
      "Options are whole words, never guessed from a beginning. `--config FILE.ini` reads the same options "
      "as "
      "lines `name = value`; the command line wins. Relative paths in an INI file start from that file's "
      "folder. A flag is switched off again by `--name=false`.\n\n";
  text += fmt::format("Exit codes: {}.\n", exit_codes);
  for (const auto& command : commands) text += markdown_section(command->table());
  return text;
}

}  // namespace attnewton
