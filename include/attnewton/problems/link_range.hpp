// What a link function and its derivatives come to over an interval of scores.
#pragma once

#include "attnewton/problems/link.hpp"

namespace attnewton {

/// Bounds over an interval, attained but for φ of links that are not monotone.
struct LinkRange {
  double least = 0;      ///< of φ
  double most = 0;       ///< likewise
  double slope = 0;      ///< sup |φ′|
  double curvature = 0;  ///< sup |φ″|
  double third = 0;      ///< sup |φ‴|
};

/// Bounds over [low, high]; infinite where the interval leaves the link's domain or a function is unbounded
/// on it. Local, O(1).
LinkRange range_of_link(const LinkFunction& link, double low, double high);

}  // namespace attnewton
