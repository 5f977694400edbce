#include "float_format.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace attnewton {
namespace {

// The exponent of the smallest normal number.
int least_exponent(FloatFormat format) {
  return 2 - (1 << (format.exponent_bits - 1));
}

}  // namespace

double widened(FloatFormat format, std::uint16_t bits) {
  const int largest_field = (1 << format.exponent_bits) - 1;
  const int field = (bits >> format.mantissa_bits) & largest_field;
  const int mantissa = bits & ((1 << format.mantissa_bits) - 1);
  double size = 0;
  if (field == largest_field) {
    size = mantissa == 0 ? std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
  } else {
    const int whole = field == 0 ? mantissa : mantissa + (1 << format.mantissa_bits);
    const int exponent = least_exponent(format) + (field == 0 ? 0 : field - 1);
    size = std::ldexp(static_cast<double>(whole), exponent - format.mantissa_bits);
  }
  return (bits >> 15) != 0 ? -size : size;
}

std::optional<std::uint16_t> narrowed(FloatFormat format, double value) {
  const double size = std::abs(value);
  const int least = least_exponent(format);
  const int exponent = size == 0 ? least : std::max(std::ilogb(size), least);
  const int largest_field = (1 << format.exponent_bits) - 1;
  if (exponent - least + 1 >= largest_field) return std::nullopt;
  // In units of the last place the size is below 2^(mantissa_bits + 1); scaling is exact, and rounding
  // follows the processor's mode, to nearest even. A carry out of the mantissa runs into the exponent, as it
  // should.
  const auto units = static_cast<int>(std::nearbyint(std::ldexp(size, format.mantissa_bits - exponent)));
  const int bits = ((exponent - least) << format.mantissa_bits) + units;
  if (bits >= largest_field << format.mantissa_bits) return std::nullopt;
  return static_cast<std::uint16_t>(bits | (std::signbit(value) ? 1 << 15 : 0));
}

}  // namespace attnewton
