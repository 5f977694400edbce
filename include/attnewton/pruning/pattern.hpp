// Which shares of a weight matrix may be removed: anywhere, or N:M as sparse tensor cores take it.
#pragma once

#include <optional>
#include <string>

#include "attnewton/core/types.hpp"

namespace attnewton {

enum class PatternKind {
  unstructured,  ///< any entries
  n_of_m,        ///< N of every M consecutive inputs of an output stay
};

struct Pattern {
  PatternKind kind = PatternKind::unstructured;
  Index kept = 0;   ///< N; 0 if unstructured
  Index group = 0;  ///< M; 0 if unstructured

  friend bool operator==(const Pattern&, const Pattern&) = default;
};

/// "unstructured", or "N:M" with 0 < N ≤ M ≤ 2²⁰, such as "2:4". Local. Throws UsageError for any other text.
Pattern parse_pattern(const std::string& text);

/// The text that parse_pattern() takes. Local.
std::string to_string(const Pattern& pattern);

/// How many stay of a group of `length` inputs, 0 < length ≤ M: N of M, and of the shorter group at the end
/// of an output, where M does not divide its inputs, the same share rounded up: ⌈N·length/M⌉. Local.
Index kept_of_group(const Pattern& pattern, Index length);

/// The share of the weights that is to go: 1 − N/M of an N:M pattern, else `ratio`. Local. Throws UsageError
/// if an unstructured pattern has no ratio, or one outside [0, 1), or an N:M pattern another than its own
/// (±1e-6).
double removed_share(const Pattern& pattern, std::optional<double> ratio);

}  // namespace attnewton
