// Boost reads INI files as well, but cuts a path at '#' and cannot name the line of an error.
#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"

#include "command_line.hpp"
#include "option_text.hpp"

namespace attnewton {
namespace {

std::string trimmed(const std::string& text) {
  constexpr const char* blanks = " \t\r";
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::vector<std::string> ini_names(const OptionTable& table) {
  std::vector<std::string> names;
  for (const Option& option : table.options()) {
    if (option.in_ini) names.push_back(option.name);
  }
  return names;
}

const Option& option_named(const OptionTable& table, const std::string& name, const std::string& place) {
  const Option* option = table.find(name);
  if (option != nullptr && option->in_ini) return *option;
  throw UsageError(fmt::format("{}: unknown option '{}' of attnewton {}{}", place, name, table.command(),
                               did_you_mean(name, ini_names(table))));
}

void add_line(const OptionTable& table, const std::string& path, Index number, const std::string& line,
              std::vector<GivenOption>& given) {
  const std::string place = fmt::format("{}:{}", path, number);
  const std::size_t equals = line.find('=');
  if (equals == std::string::npos)
    throw UsageError(fmt::format("{}: '{}' is not of the form 'name = value'", place, line));
  const std::string name = trimmed(line.substr(0, equals));
  const std::string value = trimmed(line.substr(equals + 1));
  const Option& option = option_named(table, name, place);
  if (value.empty()) throw UsageError(fmt::format("{}: {} has no value", place, name));

  const auto earlier = std::find_if(given.begin(), given.end(),
                                    [&name](const GivenOption& other) { return other.name == name; });
  if (earlier == given.end()) {
    given.push_back({name, {value}, fmt::format("{}: {}", place, name), path});
  } else if (option.max_words > 1) {
    earlier->words.push_back(value);
  } else {
    throw UsageError(fmt::format("{}: {} is given twice", place, name));
  }
}

}  // namespace

std::vector<GivenOption> read_ini_file(const OptionTable& table, const std::string& path) {
  // Every rank reads it, which only a file allows.
  if (std::filesystem::exists(path) && !std::filesystem::is_regular_file(path))
    throw IoError(fmt::format("{}: is not a regular file", path));
  std::ifstream file(path);
  if (!file)
    throw IoError(fmt::format("{}: cannot be read: {}", path, std::generic_category().message(errno)));
  std::vector<GivenOption> given;
  std::string line;
  for (Index number = 1; std::getline(file, line); ++number) {
    line = trimmed(line);
    if (!line.empty() && line.front() != '#' && line.front() != ';')
      add_line(table, path, number, line, given);
  }
  if (file.bad()) throw IoError(fmt::format("{}: cannot be read to its end", path));
  return given;
}

}  // namespace attnewton
