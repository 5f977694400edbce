// Hyper-dual numbers: value, two first derivatives and the mixed second one, exact to rounding. The oracle
// for Hessians.
#pragma once

#include <cmath>
#include <functional>
#include <vector>

#include "attnewton/core/types.hpp"

namespace attnewton::testing_support {

/// v + a ε₁ + b ε₂ + ab ε₁ε₂ with ε₁² = ε₂² = 0.
struct HyperDual {
  double v = 0, a = 0, b = 0, ab = 0;

  HyperDual() = default;
  explicit HyperDual(double value) : v(value) {}
  HyperDual(double value, double first, double second, double mixed)
      : v(value), a(first), b(second), ab(mixed) {}

  HyperDual& operator+=(const HyperDual& o) { return *this = {v + o.v, a + o.a, b + o.b, ab + o.ab}; }
  HyperDual& operator-=(const HyperDual& o) { return *this = {v - o.v, a - o.a, b - o.b, ab - o.ab}; }
};

inline HyperDual operator*(const HyperDual& x, const HyperDual& y) {
  return {x.v * y.v, x.v * y.a + x.a * y.v, x.v * y.b + x.b * y.v,
          x.v * y.ab + x.a * y.b + x.b * y.a + x.ab * y.v};
}

/// f(x) from f, f′, f″ at x.v.
inline HyperDual lift(const HyperDual& x, double f, double f1, double f2) {
  return {f, f1 * x.a, f1 * x.b, f1 * x.ab + f2 * x.a * x.b};
}

inline HyperDual operator/(const HyperDual& x, const HyperDual& y) {
  return x * lift(y, 1 / y.v, -1 / (y.v * y.v), 2 / (y.v * y.v * y.v));
}

inline HyperDual exp(const HyperDual& x) {
  const double f = std::exp(x.v);
  return lift(x, f, f, f);
}

/// Solves the dense system M Z = R in place (R becomes Z) by Gaussian elimination without pivoting, for M
/// symmetric positive definite; any scalar.
template <class S>
void plain_solve(std::vector<std::vector<S>> m, std::vector<std::vector<S>>& r) {
  const std::size_t n = m.size();
  for (std::size_t p = 0; p < n; ++p) {
    for (std::size_t i = p + 1; i < n; ++i) {
      const S factor = m[i][p] / m[p][p];
      for (std::size_t j = p; j < n; ++j) m[i][j] -= factor * m[p][j];
      for (std::size_t j = 0; j < r[i].size(); ++j) r[i][j] -= factor * r[p][j];
    }
  }
  for (std::size_t p = n; p-- > 0;) {
    for (std::size_t j = 0; j < r[p].size(); ++j) {
      for (std::size_t k = p + 1; k < n; ++k) r[p][j] -= m[p][k] * r[k][j];
      r[p][j] = r[p][j] / m[p][p];
    }
  }
}

/// Value, gradient and Hessian of f at θ, one evaluation an entry.
struct SecondOrder {
  double value = 0;
  Vector gradient;
  Matrix hessian;
};

inline SecondOrder differentiate(const std::function<HyperDual(const std::vector<HyperDual>&)>& f,
                                 const Vector& theta) {
  const Index n = theta.size();
  SecondOrder result{0, Vector(n), Matrix(n, n)};
  std::vector<HyperDual> point;
  for (Index i = 0; i < n; ++i) point.emplace_back(theta[i]);
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j <= i; ++j) {
      point[static_cast<std::size_t>(i)].a = 1;
      point[static_cast<std::size_t>(j)].b = 1;
      const HyperDual value = f(point);
      point[static_cast<std::size_t>(i)].a = 0;
      point[static_cast<std::size_t>(j)].b = 0;
      result.value = value.v;
      result.gradient[i] = value.a;
      result.hessian(i, j) = result.hessian(j, i) = value.ab;
    }
  }
  return result;
}

}  // namespace attnewton::testing_support
