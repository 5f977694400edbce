// What the random numbers of a sketch are addressed by.
#pragma once

#include <cstdint>

#include "attnewton/core/types.hpp"

namespace attnewton {

/// Two sketches that differ in any of these are independent of each other.
struct SketchDraws {
  std::uint64_t seed = 0;
  Index iteration = 0;
  Index number = 0;  ///< of several sketches in an iteration, which one; below 2³²
};

}  // namespace attnewton
