// Row-major rows that lie along the vectors: copies with a factor a row, products with one vector.
#pragma once

#include "lane_vector.hpp"

namespace attnewton {
namespace {

template <class Real>
void scale_rows(Size rows, Size columns, const Real* factor, const Real* a, Size stride, Real* out,
                Size width) {
  const Size whole = columns / lanes<Real> * lanes<Real>;
  for (Size i = 0; i < rows; ++i) {
    const Real f = factor == nullptr ? Real{1} : factor[i];
    const Real* from = a + i * stride;
    Real* to = out + i * width;
    for (Size c = 0; c < whole; c += lanes<Real>) store(to + c, load(from + c) * f);
    for (Size c = whole; c < columns; ++c) to[c] = from[c] * f;
    for (Size c = columns; c < width; ++c) to[c] = Real{0};
  }
}

// The dot products of `count` rows: their sums are independent of one another, so that none waits for itself.
template <class Real, int count>
ATTNEWTON_INLINE void row_dots_block(Size columns, const Real* a, Size stride, const Real* x, Real* z) {
  const Size whole = columns / lanes<Real> * lanes<Real>;
  Vec<Real> sum[count];
#pragma GCC unroll 16
  for (int r = 0; r < count; ++r) sum[r] = Vec<Real>{};
  for (Size c = 0; c < whole; c += lanes<Real>) {
    const Vec<Real> factor = load(x + c);
#pragma GCC unroll 16
    for (int r = 0; r < count; ++r) sum[r] += load(a + r * stride + c) * factor;
  }
  for (int r = 0; r < count; ++r) {
    Real total = 0;
    for (Size lane = 0; lane < lanes<Real>; ++lane) total += sum[r][lane];
    for (Size c = whole; c < columns; ++c) total += a[r * stride + c] * x[c];
    z[r] = total;
  }
}

template <class Real>
void row_dots(Size rows, Size columns, const Real* a, Size stride, const Real* x, Real* z) {
  constexpr int at_once = 8;
  Size i = 0;
  for (; i + at_once <= rows; i += at_once)
    row_dots_block<Real, at_once>(columns, a + i * stride, stride, x, z + i);
  for (; i < rows; ++i) row_dots_block<Real, 1>(columns, a + i * stride, stride, x, z + i);
}

}  // namespace
}  // namespace attnewton
