// A regression of which few rows carry much of the Hessian, for tests of sampling.
#pragma once

#include "attnewton/random/stream.hpp"

#include "support/whole_regression.hpp"

namespace attnewton::testing_support {

/// Normal rows, of which every (rows / heavy)-th is 100 times as long; least squares with noise on the
/// target: D = I, and H = AᵀA is constant.
inline WholeRegression uneven_least_squares(Index rows, Index columns, Index heavy) {
  WholeRegression whole;
  whole.a = RandomStream(51, RandomPurpose::inputs).normal_rows({0, rows}, columns);
  for (Index i = 0; i < heavy; ++i) whole.a.row(i * (rows / heavy)) *= 100;
  const Vector x = RandomStream(51, RandomPurpose::planted_x).normal_rows({0, columns}, 1).col(0);
  whole.b = whole.a * x + RandomStream(51, RandomPurpose::noise).normal_rows({0, rows}, 1).col(0);
  whole.link = {Link::identity};
  whole.normalisation = Normalisation::none;
  return whole;
}

/// exp(A x) ≈ b with a residual at the best x that makes some entries of D negative; the last column of A
/// matters on a few rows alone.
inline WholeRegression exponential_regression(Index rows, Index columns) {
  WholeRegression whole;
  whole.a = 0.3 * RandomStream(52, RandomPurpose::inputs).normal_rows({0, rows}, columns);
  for (Index i = 0; i < rows; ++i) {
    if (i % (rows / 10) != 0) whole.a(i, columns - 1) = 0;
  }
  const Vector x = RandomStream(52, RandomPurpose::planted_x).normal_rows({0, columns}, 1).col(0);
  const Vector noise = RandomStream(52, RandomPurpose::noise).normal_rows({0, rows}, 1).col(0);
  whole.b = (whole.a * x).array().exp() + 0.8 * noise.array();
  whole.link = {Link::exp};
  whole.normalisation = Normalisation::none;
  whole.ridge = 0.01;
  return whole;
}

}  // namespace attnewton::testing_support
