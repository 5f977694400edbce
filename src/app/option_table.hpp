// The options of a command: bound to the fields that hold their values, so that a default stands in one
// place.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "attnewton/core/types.hpp"
#include "attnewton/report/result.hpp"

namespace attnewton {

/// Bounds that a number must keep; the default bounds nothing.
template <class Number>
struct Limits {
  Number at_least = std::numeric_limits<Number>::lowest();
  Number at_most = std::numeric_limits<Number>::max();
  bool above_least = false;  ///< at_least itself is not allowed
};
using NumberLimits = Limits<double>;
using IntegerLimits = Limits<Index>;

/// When an option may be given: with some choices of other options, which it then belongs to.
struct OptionScope {
  std::string text;  ///< those choices: "--problem attention"
  std::function<bool()> holds = [] { return true; };
};

struct Option {
  std::string group;         ///< heading that it is listed under
  std::string name;          ///< without dashes
  std::string value_name;    ///< what help calls its value; empty for a flag
  std::string help;          ///< a sentence or two
  std::string default_text;  ///< as help shows it; empty: none
  std::vector<std::string> choices;
  Index max_words = 1;  ///< words that it takes; 0 for a flag
  bool in_ini = true;   ///< may stand in an INI file and goes into effective.ini
  bool given = false;   ///< on the command line or in a file
  OptionScope scope;
  /// Takes the words over into the bound field. Throws UsageError whose message follows the option's name.
  std::function<void(const std::vector<std::string>&)> set;
  /// The field's value; none if there is nothing to tell (an empty path).
  std::function<std::optional<OptionValue>()> value;
  /// Whether a word of this option is a path: those in an INI file start from that file's folder.
  std::function<bool(const std::string&)> is_path = [](const std::string&) { return false; };

  bool is_flag() const { return max_words == 0; }
  Option& goes_with(OptionScope only_with) {
    scope = std::move(only_with);
    return *this;
  }
};

/// The words given for an option, and where.
struct GivenOption {
  std::string name;
  std::vector<std::string> words;
  std::string origin;  ///< how messages name it: "--tolerance", "fit.ini:3: tolerance"
  std::string file;    ///< the INI file; empty: the command line
};

class OptionTable {
 public:
  OptionTable(std::string command, std::string summary);
  OptionTable(const OptionTable&) = delete;
  OptionTable& operator=(const OptionTable&) = delete;

  const std::string& command() const { return command_; }
  const std::string& summary() const { return summary_; }
  const std::vector<Option>& options() const { return options_; }
  std::vector<std::string> names() const;
  const Option* find(const std::string& name) const;
  bool is_given(const std::string& name) const;

  /// Options added from now on are listed under this heading.
  void group(std::string title) { group_ = std::move(title); }

  // Each adds an option bound to `field`, whose present value is the default. The field must outlive the
  // table's use. The reference returned is good until the next one is added.
  Option& flag(const std::string& name, bool& field, const std::string& help);
  Option& integer(const std::string& name, Index& field, const IntegerLimits& limits,
                  const std::string& help);
  /// An integer, or "auto", the default: it then depends on other options; `default_text`, which help shows
  /// as the default, says how.
  Option& integer(const std::string& name, std::optional<Index>& field, const IntegerLimits& limits,
                  const std::string& default_text, const std::string& help);
  /// One or more integers, as words or with commas between them; they replace the default.
  Option& integers(const std::string& name, std::vector<Index>& field, const IntegerLimits& limits,
                   const std::string& help);
  Option& seed(const std::string& name, std::uint64_t& field, const std::string& help);
  Option& number(const std::string& name, double& field, const NumberLimits& limits, const std::string& help);
  /// A number whose default depends on other options.
  Option& number(const std::string& name, std::optional<double>& field, const NumberLimits& limits,
                 const std::string& help);
  /// One or more numbers, as words or with commas between them; they replace the default. None: no default.
  Option& numbers(const std::string& name, std::vector<double>& field, const NumberLimits& limits,
                  const std::string& help);
  Option& duration(const std::string& name, double& field, const std::string& help);
  Option& path(const std::string& name, const std::string& value_name, std::string& field,
               const std::string& help);
  /// A word that `check` takes: it throws UsageError for others.
  Option& text(const std::string& name, const std::string& value_name, std::string& field,
               const std::string& help, std::function<void(const std::string&)> check);
  /// One of `choices`, or up to two paths.
  Option& choice_or_paths(const std::string& name, const std::string& value_name,
                          std::vector<std::string>& field, const std::vector<std::string>& choices,
                          const std::string& help);
  /// A number, or the path of a file with numbers.
  Option& number_or_path(const std::string& name, std::string& field, const NumberLimits& limits,
                         const std::string& help);
  template <class Enum>
  Option& choice(const std::string& name, Enum& field, std::vector<std::pair<std::string, Enum>> values,
                 const std::string& help);
  /// One or more of `values`, as words or with commas between them; they replace the default.
  template <class Enum>
  Option& choices(const std::string& name, std::vector<Enum>& field,
                  std::vector<std::pair<std::string, Enum>> values, const std::string& help);

  /// Sets the option. Throws UsageError if a word makes no sense, naming the option's origin.
  void apply(const GivenOption& given);

  /// Throws UsageError if an option was given that goes with other choices than those that were made.
  void check_scopes() const;

  /// Every option that has a value and goes with the choices that were made, as it is now.
  std::vector<UsedOption> used() const;
  /// An INI file that gives every such option its present value; paths are absolute.
  std::string ini_text() const;

 private:
  Option& add(Option option);

  std::string command_;
  std::string summary_;
  std::string group_;
  std::vector<Option> options_;
};

/// Most words that an option with a list of values takes.
inline constexpr Index most_list_words = 100;

/// Throws UsageError unless `word` is one of `choices`.
void check_choice(const std::string& word, const std::vector<std::string>& choices);

/// The items of lists that are separated by commas or blanks. Throws UsageError if there are none.
std::vector<std::string> list_items(const std::vector<std::string>& words);

template <class Enum>
Option& OptionTable::choice(const std::string& name, Enum& field,
                            std::vector<std::pair<std::string, Enum>> values, const std::string& help) {
  Option option;
  option.name = name;
  option.help = help;
  for (const auto& [word, value] : values) option.choices.push_back(word);
  option.set = [&field, values, choices = option.choices](const std::vector<std::string>& words) {
    check_choice(words.front(), choices);
    for (const auto& [word, value] : values) {
      if (word == words.front()) field = value;
    }
  };
  option.value = [&field, values]() -> std::optional<OptionValue> {
    for (const auto& [word, value] : values) {
      if (value == field) return word;
    }
    return std::nullopt;
  };
  return add(std::move(option));
}

template <class Enum>
Option& OptionTable::choices(const std::string& name, std::vector<Enum>& field,
                             std::vector<std::pair<std::string, Enum>> values, const std::string& help) {
  Option option;
  option.name = name;
  option.help = help;
  option.max_words = most_list_words;
  for (const auto& [word, value] : values) option.choices.push_back(word);
  option.set = [&field, values, choices = option.choices](const std::vector<std::string>& words) {
    field.clear();
    for (const std::string& item : list_items(words)) {
      check_choice(item, choices);
      for (const auto& [word, value] : values) {
        if (word == item) field.push_back(value);
      }
    }
  };
  option.value = [&field, values]() -> std::optional<OptionValue> {
    std::vector<std::string> words;
    for (const Enum item : field) {
      for (const auto& [word, value] : values) {
        if (value == item) words.push_back(word);
      }
    }
    return words;
  };
  return add(std::move(option));
}

}  // namespace attnewton
