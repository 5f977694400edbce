#include "command_line.hpp"

#include <algorithm>

#include <boost/program_options.hpp>
#include <fmt/format.h>

#include "attnewton/core/error.hpp"

#include "option_text.hpp"

namespace attnewton {
namespace {

namespace po = boost::program_options;

po::options_description boost_description(const OptionTable& table) {
  po::options_description description;
  for (const Option& option : table.options()) {
    if (option.is_flag()) {
      description.add_options()(option.name.c_str(), po::value<std::string>()->implicit_value("true"));
    } else if (option.max_words > 1) {
      description.add_options()(option.name.c_str(), po::value<std::vector<std::string>>()->multitoken());
    } else {
      description.add_options()(option.name.c_str(), po::value<std::string>());
    }
  }
  return description;
}

std::string help_hint(const OptionTable& table) {
  return fmt::format(" (attnewton {} --help lists all)", table.command());
}

[[noreturn]] void throw_unknown(const OptionTable& table, const po::option& parsed) {
  const std::string typed =
      parsed.original_tokens.empty() ? parsed.string_key : parsed.original_tokens.front();
  const std::string word = typed.substr(0, typed.find('='));
  std::vector<std::string> names = table.names();
  for (std::string& name : names) name.insert(0, "--");
  const std::size_t dashes = std::min(word.find_first_not_of('-'), word.size());
  throw UsageError(fmt::format("unknown option '{}' of attnewton {}{}{}", word, table.command(),
                               did_you_mean(fmt::format("--{}", word.substr(dashes)), names),
                               help_hint(table)));
}

// Only the splitting into options is Boost's; unknown names come back so that a near one can be offered.
std::vector<po::option> boost_parse(const OptionTable& table, const std::vector<std::string>& arguments) {
  const po::options_description description = boost_description(table);
  try {
    const int style = po::command_line_style::unix_style ^ po::command_line_style::allow_guessing;
    return po::command_line_parser(arguments)
        .options(description)
        .style(style)
        .allow_unregistered()
        .run()
        .options;
  } catch (const po::invalid_command_line_syntax& error) {
    const std::string name = error.get_option_name();
    if (error.kind() == po::invalid_syntax::missing_parameter ||
        error.kind() == po::invalid_syntax::empty_adjacent_parameter)
      throw UsageError(fmt::format("{} needs a value{}", name, help_hint(table)));
    throw UsageError(fmt::format("{}{}", error.what(), help_hint(table)));
  } catch (const po::error& error) {
    throw UsageError(fmt::format("{}{}", error.what(), help_hint(table)));
  }
}

// Boost takes whatever follows an option for its value, another option included.
void check_swallowed(const OptionTable& table, const GivenOption& given) {
  for (const std::string& word : given.words) {
    if (word.starts_with("--"))
      throw UsageError(
          fmt::format("{} needs a value, but '{}' follows it{}", given.origin, word, help_hint(table)));
  }
}

}  // namespace

std::vector<GivenOption> parse_command_line(const OptionTable& table,
                                            const std::vector<std::string>& arguments) {
  std::vector<GivenOption> given;
  for (const po::option& parsed : boost_parse(table, arguments)) {
    if (parsed.string_key.empty())
      throw UsageError(fmt::format("unexpected argument '{}': options start with --{}",
                                   parsed.value.empty() ? "" : parsed.value.front(), help_hint(table)));
    if (parsed.unregistered || table.find(parsed.string_key) == nullptr) throw_unknown(table, parsed);
    GivenOption option{parsed.string_key, parsed.value, "--" + parsed.string_key, ""};
    const bool repeated = std::any_of(given.begin(), given.end(), [&option](const GivenOption& other) {
      return other.name == option.name;
    });
    if (repeated) throw UsageError(fmt::format("{} is given twice", option.origin));
    if (table.find(option.name)->is_flag() && option.words.empty()) option.words = {"true"};
    check_swallowed(table, option);
    given.push_back(std::move(option));
  }
  return given;
}

void read_options(OptionTable& table, const std::vector<std::string>& arguments) {
  const std::vector<GivenOption> from_line = parse_command_line(table, arguments);
  const auto config = std::find_if(from_line.begin(), from_line.end(),
                                   [](const GivenOption& given) { return given.name == "config"; });
  if (config != from_line.end() && !config->words.empty()) {
    for (const GivenOption& given : read_ini_file(table, config->words.front())) table.apply(given);
  }
  for (const GivenOption& given : from_line) table.apply(given);
}

}  // namespace attnewton
