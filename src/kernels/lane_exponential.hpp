// exp of a vector, double and float, within 2 ulp.
#pragma once

#include <cstdint>

#include "lane_vector.hpp"

namespace attnewton {
namespace {

// e^x = 2^k e^r, k = round(x / ln 2), |r| ≤ ln 2 / 2; e^r by a polynomial of least relative error among those
// with the first coefficients 1 + r (below 2e-17 and 2e-8).
template <class Real>
struct ExpConstants;

template <>
struct ExpConstants<double> {
  using Bits = std::uint64_t;
  static constexpr int mantissa = 52;
  static constexpr double log2_e = 0x1.71547652b82fep+0;
  static constexpr double ln2_high = 0x1.62e42fefa38p-1;  // trailing zeros: k·ln2_high is exact
  static constexpr double ln2_low = 0x1.ef35793c7673p-45;
  static constexpr double magic = 0x1.8p52;  // adding it rounds to an integer, in the low bits
  static constexpr double largest = 0x1.62e42fefa39efp+9;
  static constexpr double smallest_normal = -0x1.6232bdd7abcd2p+9;
  static constexpr double smallest = -745.5;
  static constexpr double polynomial[] = {2.510038549551032e-08,  2.7620088445409746e-07,
                                          2.7557268459997064e-06, 2.4801521295954376e-05,
                                          1.9841269863053618e-04, 1.3888888917213717e-03,
                                          8.333333333330062e-03,  4.166666666662413e-02,
                                          1.6666666666666669e-01, 0.5};
};

template <>
struct ExpConstants<float> {
  using Bits = std::uint32_t;
  static constexpr int mantissa = 23;
  static constexpr float log2_e = 0x1.715476p+0F;
  static constexpr float ln2_high = 0x1.62e4p-1F;
  static constexpr float ln2_low = 0x1.7f7d1cp-20F;
  static constexpr float magic = 0x1.8p23F;
  static constexpr float largest = 0x1.62e42ep+6F;
  static constexpr float smallest_normal = -0x1.5d589ep+6F;
  static constexpr float smallest = -104.0F;
  static constexpr float polynomial[] = {1.3926183587713494e-3F, 8.363179052722578e-3F,
                                         4.1666554617204574e-2F, 1.6666576989698775e-1F, 0.5F};
};

// 2^k of a vector that holds k + magic, k within the exponents of normal numbers.
template <class Real>
ATTNEWTON_INLINE Vec<Real> power_of_two(Vec<Real> k_plus_magic) {
  using C = ExpConstants<Real>;
  using Bits = typename C::Bits;
  using BitsVec = Vec<Bits>;
  constexpr Bits one = (Bits{1} << (C::mantissa - 1 + (sizeof(Real) == 8 ? 10 : 7))) * 2 -
                       (Bits{1} << C::mantissa);  // bits of 1.0
  const BitsVec shifted = reinterpret_cast<BitsVec>(k_plus_magic) << C::mantissa;
  return reinterpret_cast<Vec<Real>>(shifted + one);
}

template <class Real>
struct Reduced {
  Vec<Real> k_plus_magic;
  Vec<Real> exp_r;
};

template <class Real>
ATTNEWTON_INLINE Reduced<Real> reduce(Vec<Real> x) {
  using C = ExpConstants<Real>;
  const Vec<Real> k_plus_magic = x * C::log2_e + C::magic;
  const Vec<Real> k = k_plus_magic - C::magic;
  const Vec<Real> r = (x - k * C::ln2_high) - k * C::ln2_low;
  Vec<Real> p = all(C::polynomial[0]);
#pragma GCC unroll 16
  for (unsigned i = 1; i < sizeof(C::polynomial) / sizeof(Real); ++i) p = p * r + C::polynomial[i];
  return {k_plus_magic, (p * r) * r + r + Real{1}};
}

// Whole range. 2^k is applied in two factors, as 2^1024 and subnormal powers are no normal numbers.
template <class Real>
ATTNEWTON_INLINE Vec<Real> exponential_of(Vec<Real> x) {
  using C = ExpConstants<Real>;
  Vec<Real> inside = x < C::smallest ? all(C::smallest) : x;
  inside = inside > C::largest ? all(C::largest) : inside;
  const Reduced<Real> reduced = reduce<Real>(inside);
  const Vec<Real> half = (reduced.k_plus_magic - C::magic) * Real{0.5} + C::magic;
  const Vec<Real> rest = (reduced.k_plus_magic - (half - C::magic));
  Vec<Real> y = reduced.exp_r * power_of_two<Real>(half) * power_of_two<Real>(rest);
  y = x > C::largest ? all(infinity<Real>) : y;
  return x < C::smallest ? Vec<Real>{} : y;
}

// For x ≤ 1; results below the smallest normal number are 0.
template <class Real>
ATTNEWTON_INLINE Vec<Real> small_exponential_of(Vec<Real> x) {
  using C = ExpConstants<Real>;
  const Reduced<Real> reduced = reduce<Real>(x);
  const Vec<Real> y = reduced.exp_r * power_of_two<Real>(reduced.k_plus_magic);
  return x < C::smallest_normal ? Vec<Real>{} : y;
}

template <class Real>
void exponential(Size count, const Real* x, Real* y) {
  constexpr Size n = lanes<Real>;
  Size i = 0;
  for (; i + n <= count; i += n) {
    store(y + i, exponential_of<Real>(load(x + i)));
  }
  if (i == count) return;
  Vec<Real> v{};
  for (Size j = i; j < count; ++j) v[j - i] = x[j];
  v = exponential_of<Real>(v);
  for (Size j = i; j < count; ++j) y[j] = v[j - i];
}

}  // namespace
}  // namespace attnewton
