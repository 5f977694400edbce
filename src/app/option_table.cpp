#include "option_table.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "attnewton/core/error.hpp"

#include "option_text.hpp"

namespace attnewton {
namespace {

using Words = std::vector<std::string>;

// A value as the words that would give it.
struct ToWords {
  Words operator()(bool value) const { return {value ? "true" : "false"}; }
  Words operator()(Index value) const { return {std::to_string(value)}; }
  Words operator()(double value) const { return {number_text(value)}; }
  Words operator()(const std::string& value) const { return {value}; }
  Words operator()(const Words& value) const { return value; }
  template <class Number>
  Words operator()(const std::vector<Number>& value) const {
    Words words;
    for (const Number number : value) words.push_back((*this)(number).front());
    return words;
  }
};

std::string in_folder_of(const std::string& file, const std::string& path) {
  if (file.empty()) return path;
  return (std::filesystem::path(file).parent_path() / path).lexically_normal().string();
}

}  // namespace

void check_choice(const std::string& word, const Words& choices) {
  if (std::find(choices.begin(), choices.end(), word) != choices.end()) return;
  throw UsageError(fmt::format("'{}' is not one of its values: {}{}", word, fmt::join(choices, ", "),
                               did_you_mean(word, choices)));
}

Words list_items(const Words& words) {
  constexpr const char* separators = ", \t";
  Words items;
  for (const std::string& word : words) {
    std::size_t begin = word.find_first_not_of(separators);
    while (begin != std::string::npos) {
      const std::size_t end = std::min(word.find_first_of(separators, begin), word.size());
      items.push_back(word.substr(begin, end - begin));
      begin = word.find_first_not_of(separators, end);
    }
  }
  if (items.empty()) throw UsageError("the list is empty");
  return items;
}

OptionTable::OptionTable(std::string command, std::string summary)
    : command_(std::move(command)), summary_(std::move(summary)) {}

Words OptionTable::names() const {
  Words names;
  for (const Option& option : options_) names.push_back(option.name);
  return names;
}

const Option* OptionTable::find(const std::string& name) const {
  const auto found = std::find_if(options_.begin(), options_.end(),
                                  [&name](const Option& option) { return option.name == name; });
  return found == options_.end() ? nullptr : &*found;
}

bool OptionTable::is_given(const std::string& name) const {
  const Option* option = find(name);
  return option != nullptr && option->given;
}

Option& OptionTable::add(Option option) {
  require(find(option.name) == nullptr, "OptionTable: names differ");
  option.group = group_;
  if (const auto value = option.value(); value && !option.is_flag())
    option.default_text = fmt::format("{}", fmt::join(std::visit(ToWords{}, *value), " "));
  options_.push_back(std::move(option));
  return options_.back();
}

void OptionTable::apply(const GivenOption& given) {
  const auto found = std::find_if(options_.begin(), options_.end(),
                                  [&given](const Option& option) { return option.name == given.name; });
  require(found != options_.end(), "OptionTable::apply: the option exists");
  const Index limit = std::max<Index>(1, found->max_words);
  if (given.words.empty())
    throw UsageError(fmt::format("{} needs a value{}", given.origin,
                                 found->value_name.empty() ? "" : fmt::format(" ({})", found->value_name)));
  if (static_cast<Index>(given.words.size()) > limit)
    throw UsageError(fmt::format("{} takes at most {} value{}, but {} were given", given.origin, limit,
                                 limit == 1 ? "" : "s", given.words.size()));
  Words words = given.words;
  for (std::string& word : words) {
    if (found->is_path(word)) word = in_folder_of(given.file, word);
  }
  try {
    found->set(words);
  } catch (const UsageError& error) {
    throw UsageError(fmt::format("{}: {}", given.origin, error.what()));
  }
  found->given = true;
}

void OptionTable::check_scopes() const {
  for (const Option& option : options_) {
    if (option.given && !option.scope.holds())
      throw UsageError(fmt::format("--{} goes with {} alone", option.name, option.scope.text));
  }
}

std::vector<UsedOption> OptionTable::used() const {
  std::vector<UsedOption> used;
  for (const Option& option : options_) {
    if (const auto value = option.value(); value && option.in_ini && option.scope.holds())
      used.push_back({option.name, *value, option.given});
  }
  return used;
}

std::string OptionTable::ini_text() const {
  std::string text;
  std::string group;
  for (const Option& option : options_) {
    const auto value = option.value();
    if (!value || !option.in_ini || !option.scope.holds()) continue;
    if (option.group != group) {
      text += fmt::format("{}# {}\n", text.empty() ? "" : "\n", option.group);
      group = option.group;
    }
    for (std::string word : std::visit(ToWords{}, *value)) {
      if (option.is_path(word)) word = std::filesystem::absolute(word).lexically_normal().string();
      text += fmt::format("{} = {}\n", option.name, word);
    }
  }
  return text;
}

}  // namespace attnewton
