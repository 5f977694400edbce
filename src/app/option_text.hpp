// Words of the command line as values, and the nearest name to a misspelt one.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "attnewton/core/types.hpp"

namespace attnewton {

/// A finite number that takes the whole word ("1e-4", not "1e-4x" and not "nan"); none otherwise.
std::optional<double> parse_number(std::string_view word);

/// A 64-bit integer that takes the whole word; none otherwise.
std::optional<Index> parse_integer(std::string_view word);

/// Seconds from "90", "1.5" or "h:mm:ss", infinity from "none"; none if it is neither or negative.
std::optional<double> parse_duration(std::string_view word);

/// The shortest text that parse_number() reads back to the same bits.
std::string number_text(double value);

/// Insertions, deletions, replacements and swaps of neighbours that lead from one word to the other.
Index edit_distance(std::string_view from, std::string_view to);

/// The name closest to `word`, if one is close enough to be what was meant.
std::optional<std::string> nearest_name(std::string_view word, const std::vector<std::string>& names);

/// "; did you mean 'NAME'?" or nothing.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& names);

}  // namespace attnewton
