#include "nearest_names.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "attnewton/core/types.hpp"

#include "npy_header.hpp"

namespace attnewton {
namespace {

constexpr std::size_t most_shown = 3;
// Beyond so many letters a name is not compared letter by letter.
constexpr std::size_t longest_compared = 200;

// Letters to insert, remove or replace.
Index edit_distance(std::string_view from, std::string_view to) {
  std::vector<Index> row(to.size() + 1);
  for (std::size_t j = 0; j <= to.size(); ++j) row[j] = static_cast<Index>(j);
  for (std::size_t i = 1; i <= from.size(); ++i) {
    Index diagonal = std::exchange(row[0], static_cast<Index>(i));
    for (std::size_t j = 1; j <= to.size(); ++j) {
      const Index replaced = diagonal + (from[i - 1] == to[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, replaced}));
    }
  }
  return row.back();
}

// What must be added to a name that is part of another counts for little.
Index distance(const std::string& word, const std::string& name) {
  const auto far = static_cast<Index>(word.size() + name.size());
  if (!word.empty() && name.find(word) != std::string::npos) return 0;
  const Index longer = std::abs(static_cast<Index>(word.size()) - static_cast<Index>(name.size()));
  const Index limit = std::max<Index>(2, static_cast<Index>(word.size()) / 3);
  if (longer > limit || std::max(word.size(), name.size()) > longest_compared) return far + limit + 1;
  return edit_distance(word, name);
}

std::string listed(const std::vector<std::string>& names) {
  std::vector<std::string> quoted;
  quoted.reserve(names.size());
  for (const auto& name : names) quoted.push_back(quoted_for_message(name));
  return fmt::format("{}", fmt::join(quoted, ", "));
}

}  // namespace

std::string nearest_names_text(const std::string& word, const std::vector<std::string>& names) {
  const Index limit = std::max<Index>(2, static_cast<Index>(word.size()) / 3);
  std::vector<std::pair<Index, std::string>> near;
  for (const auto& name : names) {
    const Index apart = distance(word, name);
    if (apart <= limit) near.emplace_back(apart, name);
  }
  std::stable_sort(near.begin(), near.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> shown;
  for (std::size_t i = 0; i < std::min(near.size(), most_shown); ++i) shown.push_back(near[i].second);
  if (!shown.empty()) return "did you mean " + listed(shown) + "?";
  if (names.empty()) return "there is none at all";
  shown.assign(names.begin(),
               names.begin() + static_cast<std::ptrdiff_t>(std::min(names.size(), most_shown)));
  return fmt::format("there are {}: {}{}", names.size(), listed(shown),
                     names.size() > most_shown ? ", ..." : "");
}

}  // namespace attnewton
