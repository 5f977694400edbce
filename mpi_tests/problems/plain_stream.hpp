// What the streamed passes compute, row by row in long double from the definitions, with all of a row's
// scores at hand.
#pragma once

#include "attnewton/problems/attention_stream.hpp"

namespace attnewton::testing_support {

using ExactMatrix = Eigen::Matrix<long double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// Rows of T, log-sum-exp, C, P A₂ at (X, Y), and their derivatives in the direction (X′, Y′) with r.
struct PlainStream {
  ExactMatrix mixed, log_sum, residual, pulled_back;
  ExactMatrix d_mixed, logit_mean, d_residual, d_pulled_back;
};

/// Matrices of variables or of a direction.
struct XY {
  Matrix x, y;
};

PlainStream plain_stream(const AttentionData& data, const XY& point, const XY& direction);

}  // namespace attnewton::testing_support
