#include "attnewton/problems/link_range.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace attnewton {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// An interval with its largest and smallest absolute value.
struct Interval {
  double low;
  double high;

  bool has_zero() const { return low <= 0 && high >= 0; }
  double farthest() const { return std::max(std::abs(low), std::abs(high)); }
  double nearest() const { return has_zero() ? 0 : std::min(std::abs(low), std::abs(high)); }
};

// sup |factor · z^exponent|: at one of the ends of the interval's absolute values.
double largest_term(double factor, const Interval& z, double exponent) {
  if (factor == 0) return 0;
  const double at = exponent < 0 ? z.nearest() : z.farthest();
  return std::abs(factor) * std::pow(at, exponent);
}

LinkRange range_of_power(double beta, const Interval& z) {
  const bool is_integer = beta == std::floor(beta);
  if ((z.low < 0 && !is_integer) || (beta < 0 && z.has_zero()))
    return {-infinity, infinity, infinity, infinity, infinity};
  const double at_low = std::pow(z.low, beta);
  const double at_high = std::pow(z.high, beta);
  LinkRange range{std::min(at_low, at_high), std::max(at_low, at_high)};
  if (z.has_zero() && beta > 0) {
    range.least = std::min(range.least, 0.0);
    range.most = std::max(range.most, 0.0);
  }
  range.slope = largest_term(beta, z, beta - 1);
  range.curvature = largest_term(beta * (beta - 1), z, beta - 2);
  range.third = largest_term(beta * (beta - 1) * (beta - 2), z, beta - 3);
  return range;
}

}  // namespace

LinkRange range_of_link(const LinkFunction& link, double low, double high) {
  const Interval z{low, high};
  switch (link.kind) {
    case Link::exp: {
      const double most = std::exp(high);
      return {std::exp(low), most, most, most, most};
    }
    case Link::cosh: {
      const double cosh = std::cosh(z.farthest());
      const double sinh = std::sinh(z.farthest());
      return {std::cosh(z.nearest()), cosh, sinh, cosh, sinh};
    }
    case Link::sinh: {
      const double cosh = std::cosh(z.farthest());
      const double sinh = std::sinh(z.farthest());
      return {std::sinh(low), std::sinh(high), cosh, sinh, cosh};
    }
    case Link::soft_residual: {
      const double most = std::exp(high);
      return {std::exp(low) + low, most + high, most + 1, most, most};
    }
    case Link::power:
      return range_of_power(link.exponent, z);
    case Link::identity:
      break;
  }
  return {low, high, 1, 0, 0};
}

}  // namespace attnewton
