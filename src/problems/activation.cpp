#include "attnewton/problems/activation.hpp"

#include <cmath>

namespace attnewton {
namespace {

// By exp(−|y|), so that σ′ keeps its digits where 1 − σ² or 1 − σ has lost them.
Derivatives tanh_at(double y) {
  const double e = std::exp(-2 * std::abs(y));
  const double value = std::tanh(y);
  const double slope = 4 * e / ((1 + e) * (1 + e));
  return {value, slope, -2 * value * slope};
}

Derivatives sigmoid_at(double y) {
  const double e = std::exp(-std::abs(y));
  const double slope = e / ((1 + e) * (1 + e));
  return {(y < 0 ? e : 1) / (1 + e), slope, -slope * std::tanh(0.5 * y)};
}

Derivatives at(Activation activation, double y) {
  switch (activation) {
    case Activation::relu:
      return y > 0 ? Derivatives{y, 1, 0} : Derivatives{0, 0, 0};
    case Activation::tanh:
      return tanh_at(y);
    case Activation::sigmoid:
      return sigmoid_at(y);
    case Activation::identity:
      break;
  }
  return {y, 1, 0};
}

}  // namespace

const char* to_string(Activation activation) {
  switch (activation) {
    case Activation::relu:
      return "relu";
    case Activation::tanh:
      return "tanh";
    case Activation::sigmoid:
      return "sigmoid";
    case Activation::identity:
      break;
  }
  return "identity";
}

ActivationValues evaluate_activation(Activation activation, const Vector& y) {
  return evaluate_entrywise(y, [&](double entry) { return at(activation, entry); });
}

}  // namespace attnewton
