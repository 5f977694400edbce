// Values and derivatives of activations, also where the plain formulas lose their digits.
#include "attnewton/problems/activation.hpp"

#include <cmath>

#include <gtest/gtest.h>

namespace attnewton {
namespace {

Derivatives at(Activation activation, double y) {
  const ActivationValues values = evaluate_activation(activation, Vector::Constant(1, y));
  return {values.value[0], values.slope[0], values.curvature[0]};
}

void expect_near(double value, long double expected) {
  EXPECT_NEAR(value, static_cast<double>(expected), 4e-16 * static_cast<double>(std::abs(expected)));
}

TEST(Activation, ReluHasASlopeOnOneSide) {
  for (const double y : {-1e300, -1.0, 0.0, 1e-300, 2.0}) {
    const Derivatives derivatives = at(Activation::relu, y);
    EXPECT_EQ(derivatives.value, std::max(y, 0.0));
    EXPECT_EQ(derivatives.slope, y > 0 ? 1 : 0);
    EXPECT_EQ(derivatives.curvature, 0);
  }
}

TEST(Activation, IdentityIsTheNumberItself) {
  for (const double y : {-1e300, 0.0, 2.5}) {
    const Derivatives derivatives = at(Activation::identity, y);
    EXPECT_EQ(derivatives.value, y);
    EXPECT_EQ(derivatives.slope, 1);
    EXPECT_EQ(derivatives.curvature, 0);
  }
}

TEST(Activation, TanhAndSigmoidKeepTheirDigits) {
  for (const long double y : {-300.0L, -30.0L, -2.0L, -1e-3L, 0.0L, 1e-12L, 0.75L, 20.0L, 340.0L}) {
    const auto point = static_cast<double>(y);
    const long double sech = 1 / std::cosh(static_cast<long double>(point));
    const Derivatives tanh = at(Activation::tanh, point);
    expect_near(tanh.value, std::tanh(static_cast<long double>(point)));
    expect_near(tanh.slope, sech * sech);
    expect_near(tanh.curvature, -2 * std::tanh(static_cast<long double>(point)) * sech * sech);
    // 1/(1 + exp(−y)) = exp(y/2) / (2 cosh(y/2)).
    const long double half = static_cast<long double>(point) / 2;
    const long double slope = 1 / (4 * std::cosh(half) * std::cosh(half));
    const Derivatives sigmoid = at(Activation::sigmoid, point);
    expect_near(sigmoid.value, std::exp(half) / (2 * std::cosh(half)));
    expect_near(sigmoid.slope, slope);
    expect_near(sigmoid.curvature, -slope * std::tanh(half));
  }
}

TEST(Activation, NothingOverflows) {
  for (const auto activation : {Activation::tanh, Activation::sigmoid}) {
    for (const double y : {-1e308, 1e308}) {
      const Derivatives derivatives = at(activation, y);
      EXPECT_EQ(derivatives.value, y > 0 ? 1 : (activation == Activation::tanh ? -1 : 0));
      EXPECT_EQ(derivatives.slope, 0);
      EXPECT_EQ(derivatives.curvature, 0);
    }
  }
}

TEST(Activation, NamesAreThoseOfTheCommandLine) {
  EXPECT_STREQ(to_string(Activation::relu), "relu");
  EXPECT_STREQ(to_string(Activation::identity), "identity");
  EXPECT_STREQ(to_string(Activation::tanh), "tanh");
  EXPECT_STREQ(to_string(Activation::sigmoid), "sigmoid");
}

}  // namespace
}  // namespace attnewton
