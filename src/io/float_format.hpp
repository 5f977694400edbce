// Floating-point formats of 16 bits as integers: exact widening, narrowing to nearest with ties to even.
#pragma once

#include <cstdint>
#include <optional>

namespace attnewton {

/// IEEE 754's layout: sign, exponent with bias 2^(exponent_bits − 1) − 1, mantissa; subnormals, infinities,
/// NaN.
struct FloatFormat {
  int exponent_bits;
  int mantissa_bits;
};

inline constexpr FloatFormat half_precision = {5, 10};
inline constexpr FloatFormat brain_float = {8, 7};

/// The number that the bits stand for; may be infinite or NaN.
double widened(FloatFormat format, std::uint16_t bits);

/// The nearest number of the format, the even one of two that are as near; none if that is infinite. `value`
/// is finite. Rounded once, straight from double.
std::optional<std::uint16_t> narrowed(FloatFormat format, double value);

}  // namespace attnewton
