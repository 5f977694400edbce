#include "attnewton/problems/link.hpp"

#include <cmath>
#include <limits>
#include <span>

#include <fmt/format.h>

#include "attnewton/kernels/exp.hpp"

namespace attnewton {
namespace {

// factor · z^exponent; a factor of 0 wins over 0 to a negative power.
double term(double factor, double z, double exponent) {
  return factor == 0 ? 0 : factor * std::pow(z, exponent);
}

// Of the links without a vectorised exponential.
Derivatives at(const LinkFunction& link, double z) {
  switch (link.kind) {
    case Link::cosh: {
      const double c = std::cosh(z);
      return {c, std::sinh(z), c};
    }
    case Link::sinh: {
      const double s = std::sinh(z);
      return {s, std::cosh(z), s};
    }
    case Link::power: {
      const double beta = link.exponent;
      return {std::pow(z, beta), term(beta, z, beta - 1), term(beta * (beta - 1), z, beta - 2)};
    }
    default:
      return {z, 1, 0};
  }
}

std::span<const double> span_of(const Eigen::Ref<const Vector>& v) {
  return {v.data(), static_cast<std::size_t>(v.size())};
}

std::span<double> span_of(Vector& v) {
  return {v.data(), static_cast<std::size_t>(v.size())};
}

bool is_integer(double number) {
  return number == std::floor(number);
}

}  // namespace

const char* to_string(Link link) {
  switch (link) {
    case Link::exp:
      return "exp";
    case Link::cosh:
      return "cosh";
    case Link::sinh:
      return "sinh";
    case Link::soft_residual:
      return "soft-residual";
    case Link::power:
      return "power";
    case Link::identity:
      break;
  }
  return "identity";
}

std::string formula(const LinkFunction& link) {
  if (link.kind == Link::power) return fmt::format("z^{}", link.exponent);
  if (link.kind == Link::soft_residual) return "exp(z) + z";
  if (link.kind == Link::identity) return "z";
  return fmt::format("{}(z)", to_string(link.kind));
}

void evaluate_link(const LinkFunction& link, const Eigen::Ref<const Vector>& z, LinkValues& values) {
  const Index rows = z.size();
  values.value.resize(rows);
  values.slope.resize(rows);
  values.curvature.resize(rows);
  if (link.kind == Link::exp || link.kind == Link::soft_residual) {
    exponential(span_of(z), span_of(values.curvature));
    values.value = values.curvature;
    values.slope = values.curvature;
    if (link.kind == Link::exp) return;
    values.value += z;
    values.slope.array() += 1;
    return;
  }
  for (Index i = 0; i < rows; ++i) {
    const Derivatives derivatives = at(link, z[i]);
    values.value[i] = derivatives.value;
    values.slope[i] = derivatives.slope;
    values.curvature[i] = derivatives.curvature;
  }
}

LinkValues evaluate_link(const LinkFunction& link, const Vector& z) {
  LinkValues values;
  evaluate_link(link, z, values);
  return values;
}

Vector scaling_direction(const LinkFunction& link, const Vector& z, const LinkValues& values) {
  switch (link.kind) {
    case Link::exp:
      return Vector::Ones(z.size());
    case Link::cosh:
    case Link::sinh:
      return z.array().tanh();
    case Link::soft_residual:
      return values.value.cwiseQuotient(values.slope);
    case Link::power:
    case Link::identity:
      break;
  }
  return z;
}

std::optional<Index> first_outside_domain(const Eigen::Ref<const Vector>& z, const LinkValues& values,
                                          double largest) {
  constexpr double largest_number = std::numeric_limits<double>::max();
  // Without a branch for each row; NaN is within nothing.
  const auto is_within = [](const auto& v, double limit) {
    return v.size() == 0 || v.cwiseAbs().template maxCoeff<Eigen::PropagateNaN>() <= limit;
  };
  if (is_within(z, largest_number) && is_within(values.value, largest) && is_within(values.slope, largest) &&
      is_within(values.curvature, largest))
    return std::nullopt;
  for (Index i = 0; i < z.size(); ++i) {
    const bool inside = std::isfinite(z[i]) && std::abs(values.value[i]) <= largest &&
                        std::abs(values.slope[i]) <= largest && std::abs(values.curvature[i]) <= largest;
    if (!inside) return i;
  }
  return std::nullopt;
}

std::string domain_message(const LinkFunction& link, double z, Index global_row) {
  const std::string where = fmt::format("row {} (counted from 0): z = (A x) = {}", global_row, z);
  if (!std::isfinite(z)) return where + " is not finite; start nearer to x = 0 or scale A down";
  if (link.kind == Link::power && z < 0 && !is_integer(link.exponent)) {
    return fmt::format(
        "{} is negative, where the link {} is not defined; start where all of A x is positive, or take an "
        "integer power",
        where, formula(link));
  }
  if (link.kind == Link::power && z == 0) {
    return fmt::format(
        "{}, where the link {} or a derivative of it is infinite; start where no entry of A x is 0, or take "
        "another power",
        where, formula(link));
  }
  return fmt::format("{}, where the link {} overflows; start nearer to x = 0 or scale A down", where,
                     formula(link));
}

}  // namespace attnewton
