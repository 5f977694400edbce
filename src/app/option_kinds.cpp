// The kinds of options: how each takes its words over into its field, and tells the field's value.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "attnewton/core/error.hpp"

#include "option_table.hpp"
#include "option_text.hpp"

namespace attnewton {
namespace {

using Words = std::vector<std::string>;

template <class Number>
std::string limits_text(const Limits<Number>& limits) {
  const Limits<Number> none;
  std::string text;
  if (limits.at_least != none.at_least)
    text = fmt::format("{} {}", limits.above_least ? "above" : "at least", limits.at_least);
  if (limits.at_most != none.at_most)
    text += fmt::format("{}at most {}", text.empty() ? "" : " and ", limits.at_most);
  return text;
}

template <class Number>
void check_limits(Number value, const Limits<Number>& limits) {
  const bool too_small = limits.above_least ? value <= limits.at_least : value < limits.at_least;
  if (too_small || value > limits.at_most)
    throw UsageError(fmt::format("is {}, it must be {}", value, limits_text(limits)));
}

Option described(const std::string& name, const std::string& value_name, const std::string& help) {
  Option option;
  option.name = name;
  option.value_name = value_name;
  option.help = help;
  return option;
}

double number_of(const std::string& word) {
  if (const auto value = parse_number(word)) return *value;
  throw UsageError(fmt::format("'{}' is not a (finite) number", word));
}

Index integer_of(const std::string& word, const IntegerLimits& limits) {
  const auto value = parse_integer(word);
  if (!value) throw UsageError(fmt::format("'{}' is not an integer", word));
  check_limits(*value, limits);
  return *value;
}

bool truth_of(const std::string& word) {
  if (word == "true") return true;
  if (word == "false") return false;
  throw UsageError(fmt::format("'{}' is neither 'true' nor 'false'", word));
}

}  // namespace

Option& OptionTable::flag(const std::string& name, bool& field, const std::string& help) {
  Option option = described(name, "", help);
  option.max_words = 0;
  option.set = [&field](const Words& words) { field = truth_of(words.front()); };
  option.value = [&field] { return OptionValue(field); };
  return add(std::move(option));
}

Option& OptionTable::integer(const std::string& name, Index& field, const IntegerLimits& limits,
                             const std::string& help) {
  Option option = described(name, "N", help);
  option.set = [&field, limits](const Words& words) { field = integer_of(words.front(), limits); };
  option.value = [&field] { return OptionValue(field); };
  return add(std::move(option));
}

Option& OptionTable::integer(const std::string& name, std::optional<Index>& field,
                             const IntegerLimits& limits, const std::string& default_text,
                             const std::string& help) {
  Option option = described(name, "N|auto", help);
  option.default_text = default_text;
  option.set = [&field, limits](const Words& words) {
    const std::string& word = words.front();
    if (word != "auto" && !parse_integer(word))
      throw UsageError(fmt::format("'{}' is neither an integer nor 'auto'", word));
    field = word == "auto" ? std::nullopt : std::optional(integer_of(word, limits));
  };
  option.value = [&field]() -> std::optional<OptionValue> {
    return field ? std::optional<OptionValue>(*field) : std::nullopt;
  };
  return add(std::move(option));
}

Option& OptionTable::integers(const std::string& name, std::vector<Index>& field, const IntegerLimits& limits,
                              const std::string& help) {
  Option option = described(name, "N[,N...]", help);
  option.max_words = most_list_words;
  option.set = [&field, limits](const Words& words) {
    field.clear();
    for (const std::string& item : list_items(words)) field.push_back(integer_of(item, limits));
  };
  option.value = [&field] { return OptionValue(field); };
  return add(std::move(option));
}

Option& OptionTable::seed(const std::string& name, std::uint64_t& field, const std::string& help) {
  Option option = described(name, "N", help);
  option.set = [&field](const Words& words) {
    const auto value = parse_integer(words.front());
    if (!value || *value < 0)
      throw UsageError(fmt::format("'{}' is not an integer from 0 to 2^63 - 1", words.front()));
    field = static_cast<std::uint64_t>(*value);
  };
  option.value = [&field] { return OptionValue(static_cast<Index>(field)); };
  return add(std::move(option));
}

Option& OptionTable::number(const std::string& name, double& field, const NumberLimits& limits,
                            const std::string& help) {
  Option option = described(name, "NUMBER", help);
  option.set = [&field, limits](const Words& words) {
    const double value = number_of(words.front());
    check_limits(value, limits);
    field = value;
  };
  option.value = [&field] { return OptionValue(field); };
  return add(std::move(option));
}

Option& OptionTable::number(const std::string& name, std::optional<double>& field, const NumberLimits& limits,
                            const std::string& help) {
  Option option = described(name, "NUMBER", help);
  option.set = [&field, limits](const Words& words) {
    const double value = number_of(words.front());
    check_limits(value, limits);
    field = value;
  };
  option.value = [&field]() -> std::optional<OptionValue> {
    return field ? std::optional<OptionValue>(*field) : std::nullopt;
  };
  return add(std::move(option));
}

Option& OptionTable::numbers(const std::string& name, std::vector<double>& field, const NumberLimits& limits,
                             const std::string& help) {
  Option option = described(name, "NUMBER[,NUMBER...]", help);
  option.max_words = most_list_words;
  option.set = [&field, limits](const Words& words) {
    field.clear();
    for (const std::string& item : list_items(words)) {
      field.push_back(number_of(item));
      check_limits(field.back(), limits);
    }
  };
  option.value = [&field] { return field.empty() ? std::nullopt : std::optional<OptionValue>(field); };
  return add(std::move(option));
}

Option& OptionTable::duration(const std::string& name, double& field, const std::string& help) {
  Option option = described(name, "TIME", help);
  option.set = [&field](const Words& words) {
    const auto value = parse_duration(words.front());
    if (!value)
      throw UsageError(fmt::format("'{}' is neither seconds nor h:mm:ss nor 'none'", words.front()));
    field = *value;
  };
  option.value = [&field] { return std::isinf(field) ? OptionValue("none") : OptionValue(field); };
  return add(std::move(option));
}

Option& OptionTable::path(const std::string& name, const std::string& value_name, std::string& field,
                          const std::string& help) {
  Option option = described(name, value_name, help);
  option.set = [&field](const Words& words) {
    if (words.front().empty()) throw UsageError("the path is empty");
    field = words.front();
  };
  option.value = [&field] { return field.empty() ? std::nullopt : std::optional<OptionValue>(field); };
  option.is_path = [](const std::string&) { return true; };
  return add(std::move(option));
}

Option& OptionTable::text(const std::string& name, const std::string& value_name, std::string& field,
                          const std::string& help, std::function<void(const std::string&)> check) {
  Option option = described(name, value_name, help);
  option.set = [&field, check = std::move(check)](const Words& words) {
    check(words.front());
    field = words.front();
  };
  option.value = [&field] { return field.empty() ? std::nullopt : std::optional<OptionValue>(field); };
  return add(std::move(option));
}

Option& OptionTable::choice_or_paths(const std::string& name, const std::string& value_name, Words& field,
                                     const Words& choices, const std::string& help) {
  const auto is_choice = [choices](const std::string& word) {
    return std::find(choices.begin(), choices.end(), word) != choices.end();
  };
  Option option = described(name, value_name, help);
  option.max_words = 2;
  option.set = [&field, choices, is_choice](const Words& words) {
    // A word without dot or slash is meant as a choice, not as a file.
    if (words.front().find_first_of("./") == std::string::npos) check_choice(words.front(), choices);
    if (words.size() > 1 && std::any_of(words.begin(), words.end(), is_choice))
      throw UsageError(fmt::format("takes {}, or files, not both", fmt::join(choices, " or ")));
    field = words;
  };
  option.value = [&field]() -> std::optional<OptionValue> {
    if (field.empty()) return std::nullopt;
    return field.size() == 1 ? OptionValue(field.front()) : OptionValue(field);
  };
  option.is_path = [is_choice](const std::string& word) { return !is_choice(word); };
  return add(std::move(option));
}

Option& OptionTable::number_or_path(const std::string& name, std::string& field, const NumberLimits& limits,
                                    const std::string& help) {
  Option option = described(name, "NUMBER|FILE", help);
  option.set = [&field, limits](const Words& words) {
    if (const auto value = parse_number(words.front())) {
      check_limits(*value, limits);
    } else if (!words.front().ends_with(".npy")) {
      throw UsageError(fmt::format("'{}' is neither a number nor an .npy file", words.front()));
    }
    field = words.front();
  };
  option.value = [&field] { return field.empty() ? std::nullopt : std::optional<OptionValue>(field); };
  option.is_path = [](const std::string& word) { return !parse_number(word); };
  return add(std::move(option));
}

}  // namespace attnewton
