// Vectorised exponential.
#pragma once

#include <span>

namespace attnewton {

/// y_i = exp(x_i), accurate to 2 ulp on the whole range, subnormal results included; exp(−∞) = 0, overflow
/// gives +∞, NaN stays NaN. x and y have one length and are the same or do not overlap. Local, one thread;
/// results depend on the instruction set in use, within those 2 ulp.
void exponential(std::span<const double> x, std::span<double> y);
void exponential(std::span<const float> x, std::span<float> y);

}  // namespace attnewton
