#include "attnewton/pruning/pattern.hpp"

#include <charconv>
#include <cmath>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"

namespace attnewton {
namespace {

// Far beyond any hardware's groups, and its square far within an Index.
constexpr Index largest_group = Index{1} << 20;

std::optional<Index> whole_number(std::string_view text) {
  Index value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

Pattern parse_pattern(const std::string& text) {
  if (text == "unstructured") return {};
  const std::string_view view = text;
  const auto colon = view.find(':');
  if (colon != std::string_view::npos) {
    const auto kept = whole_number(view.substr(0, colon));
    const auto group = whole_number(view.substr(colon + 1));
    if (kept && group) {
      if (0 < *kept && *kept <= *group && *group <= largest_group)
        return {PatternKind::n_of_m, *kept, *group};
      throw UsageError(
          fmt::format("pattern '{}': {} of every {} inputs cannot stay: give N:M with 0 < N <= M <= {}, such "
                      "as 2:4",
                      text, *kept, *group, largest_group));
    }
  }
  throw UsageError(fmt::format("pattern '{}' is unknown: give unstructured or N:M, such as 2:4", text));
}

std::string to_string(const Pattern& pattern) {
  if (pattern.kind == PatternKind::unstructured) return "unstructured";
  return fmt::format("{}:{}", pattern.kept, pattern.group);
}

Index kept_of_group(const Pattern& pattern, Index length) {
  require(pattern.kind == PatternKind::n_of_m && 0 < length && length <= pattern.group,
          "kept_of_group: a group of an N:M pattern");
  return (pattern.kept * length + pattern.group - 1) / pattern.group;
}

double removed_share(const Pattern& pattern, std::optional<double> ratio) {
  if (pattern.kind == PatternKind::unstructured) {
    if (!ratio) throw UsageError("an unstructured pattern needs the ratio of weights to remove, such as 0.5");
    if (!(0 <= *ratio && *ratio < 1))
      throw UsageError(fmt::format("ratio {}: the share of weights to remove is in [0, 1)", *ratio));
    return *ratio;
  }
  const double own = 1 - static_cast<double>(pattern.kept) / static_cast<double>(pattern.group);
  constexpr double tolerance = 1e-6;
  if (ratio && !(std::abs(*ratio - own) <= tolerance)) {
    throw UsageError(fmt::format("ratio {}: the pattern {} removes {} of the weights: leave the ratio out",
                                 *ratio, to_string(pattern), own));
  }
  return own;
}

}  // namespace attnewton
