#include "float_format.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

namespace attnewton {
namespace {

// IEEE 754's binary16, by its definition.
double half_value(unsigned bits) {
  const unsigned field = (bits >> 10) & 31;
  const double fraction = (bits & 1023) / 1024.0;
  const double sign = (bits & 0x8000) != 0 ? -1 : 1;
  if (field == 31) return fraction == 0 ? sign * INFINITY : NAN;
  if (field == 0) return sign * fraction * std::pow(2, -14);
  return sign * (1 + fraction) * std::pow(2, static_cast<int>(field) - 15);
}

// The upper half of a float.
double brain_value(unsigned bits) {
  return std::bit_cast<float>(bits << 16);
}

template <class Value>
void expect_widened(FloatFormat format, const Value& value) {
  for (unsigned bits = 0; bits < 65536; ++bits) {
    const double found = widened(format, static_cast<std::uint16_t>(bits));
    const double expected = value(bits);
    if (std::isnan(expected)) {
      ASSERT_TRUE(std::isnan(found)) << bits;
    } else {
      ASSERT_EQ(found, expected) << bits;
      ASSERT_EQ(std::signbit(found), std::signbit(expected)) << bits;
      if (std::isfinite(expected)) {
        ASSERT_EQ(narrowed(format, expected), bits) << bits;
      }
    }
  }
}

TEST(FloatFormat, EveryPatternIsWidenedAndComesBack) {
  expect_widened(half_precision, half_value);
  expect_widened(brain_float, brain_value);
}

TEST(FloatFormat, KnownValues) {
  EXPECT_EQ(widened(half_precision, 0x3c00), 1);
  EXPECT_EQ(widened(half_precision, 0x7bff), 65504);
  EXPECT_EQ(widened(half_precision, 0x0001), std::ldexp(1, -24));
  EXPECT_EQ(widened(half_precision, 0x0400), std::ldexp(1, -14));
  EXPECT_EQ(widened(half_precision, 0xc000), -2);
  EXPECT_EQ(widened(brain_float, 0x3f80), 1);
  EXPECT_EQ(widened(brain_float, 0x0001), std::ldexp(1, -133));
  EXPECT_EQ(widened(brain_float, 0x7f7f), std::ldexp(255, 120));
  EXPECT_EQ(narrowed(half_precision, 1.0 / 3), 0x3555);
  EXPECT_EQ(narrowed(brain_float, 3.14159265), 0x4049);
}

// Between every two neighbours: the midpoint goes to the even one, what lies a double's step off it to its
// own side. A way over float would round some of these twice.
template <class Value>
void expect_nearest(FloatFormat format, unsigned infinity, const Value& value) {
  for (unsigned lower = 0; lower + 1 < infinity; ++lower) {
    const double middle = (value(lower) + value(lower + 1)) / 2;
    const unsigned even = lower % 2 == 0 ? lower : lower + 1;
    ASSERT_EQ(narrowed(format, middle), even) << lower;
    ASSERT_EQ(narrowed(format, -middle), even | 0x8000U) << lower;
    ASSERT_EQ(narrowed(format, std::nextafter(middle, 0)), lower) << lower;
    ASSERT_EQ(narrowed(format, std::nextafter(middle, INFINITY)), lower + 1) << lower;
  }
}

TEST(FloatFormat, NarrowsToNearestTiesToEven) {
  expect_nearest(half_precision, 0x7c00, half_value);
  expect_nearest(brain_float, 0x7f80, brain_value);
}

TEST(FloatFormat, WhatRoundsToInfinityIsRefused) {
  // The middle between the largest number and the next power of two would round up to it.
  EXPECT_EQ(narrowed(half_precision, std::nextafter(65520.0, 0)), 0x7bff);
  EXPECT_EQ(narrowed(half_precision, 65520), std::nullopt);
  EXPECT_EQ(narrowed(half_precision, -65520), std::nullopt);
  EXPECT_EQ(narrowed(half_precision, 65536), std::nullopt);
  EXPECT_EQ(narrowed(half_precision, std::numeric_limits<double>::max()), std::nullopt);
  const double middle = std::ldexp(511, 119);
  EXPECT_EQ(narrowed(brain_float, std::nextafter(middle, 0)), 0x7f7f);
  EXPECT_EQ(narrowed(brain_float, middle), std::nullopt);
  EXPECT_EQ(narrowed(brain_float, 1e300), std::nullopt);
}

TEST(FloatFormat, WhatIsTooSmallBecomesZeroOfItsSign) {
  for (const FloatFormat format : {half_precision, brain_float}) {
    EXPECT_EQ(narrowed(format, 0.0), 0);
    EXPECT_EQ(narrowed(format, -0.0), 0x8000);
    EXPECT_EQ(narrowed(format, std::numeric_limits<double>::denorm_min()), 0);
    EXPECT_EQ(narrowed(format, -1e-300), 0x8000);
  }
}

}  // namespace
}  // namespace attnewton
