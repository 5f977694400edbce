#include "option_text.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>

namespace attnewton {
namespace {

template <class Value>
std::optional<Value> parse_whole(std::string_view word) {
  if (word.size() > 1 && word.front() == '+' && word[1] != '-') word.remove_prefix(1);
  Value value{};
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return value;
}

// Two digits below 60, as minutes and seconds are written.
std::optional<Index> parse_sixtieths(std::string_view word) {
  const auto value = parse_integer(word);
  const bool fits = word.size() == 2 && value && *value >= 0 && *value < 60;
  return fits ? value : std::nullopt;
}

std::optional<double> parse_clock_time(std::string_view word) {
  const std::size_t first = word.find(':');
  const std::size_t second = word.find(':', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  const auto hours = parse_integer(word.substr(0, first));
  const auto minutes = parse_sixtieths(word.substr(first + 1, second - first - 1));
  const auto seconds = parse_sixtieths(word.substr(second + 1));
  if (!hours || *hours < 0 || !minutes || !seconds) return std::nullopt;
  return 3600.0 * static_cast<double>(*hours) + static_cast<double>(60 * *minutes + *seconds);
}

}  // namespace

std::optional<double> parse_number(std::string_view word) {
  const auto value = parse_whole<double>(word);
  return value && std::isfinite(*value) ? value : std::nullopt;
}

std::optional<Index> parse_integer(std::string_view word) {
  return parse_whole<Index>(word);
}

std::optional<double> parse_duration(std::string_view word) {
  if (word == "none") return std::numeric_limits<double>::infinity();
  if (word.find(':') != std::string_view::npos) return parse_clock_time(word);
  const auto seconds = parse_number(word);
  return seconds && *seconds >= 0 ? seconds : std::nullopt;
}

std::string number_text(double value) {
  return fmt::format("{}", value);
}

Index edit_distance(std::string_view from, std::string_view to) {
  // Row i of the table holds the distances of from[0, i) to every beginning of `to`; two rows back for swaps.
  std::vector<Index> before_last(to.size() + 1);
  std::vector<Index> last(to.size() + 1);
  std::vector<Index> row(to.size() + 1);
  for (std::size_t j = 0; j <= to.size(); ++j) row[j] = static_cast<Index>(j);
  for (std::size_t i = 1; i <= from.size(); ++i) {
    before_last = std::exchange(last, row);
    row[0] = static_cast<Index>(i);
    for (std::size_t j = 1; j <= to.size(); ++j) {
      const Index replaced = last[j - 1] + (from[i - 1] == to[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1])
        row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
  }
  return row.back();
}

std::optional<std::string> nearest_name(std::string_view word, const std::vector<std::string>& names) {
  std::optional<std::string> nearest;
  Index least = std::max<Index>(2, static_cast<Index>(word.size()) / 3) + 1;
  for (const std::string& name : names) {
    // A beginning of a name is what someone types who hopes that names are guessed.
    const bool is_prefix = word.size() >= 3 && name.size() > word.size() && name.starts_with(word);
    const Index distance = is_prefix ? 1 : edit_distance(word, name);
    if (distance < least && distance < static_cast<Index>(name.size())) {
      least = distance;
      nearest = name;
    }
  }
  return nearest;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& names) {
  const auto nearest = nearest_name(word, names);
  return nearest ? fmt::format("; did you mean '{}'?", *nearest) : "";
}

}  // namespace attnewton
