// Products of a matrix by lanes: the sums stay in registers.
#pragma once

#include "lane_vector.hpp"

namespace attnewton {
namespace {

// out(r, :) for `rows` rows at once: entry (r, l) of the broadcast operand is b[r·stride + l] if `by_rows`,
// else b[l·stride + r].
template <class Real, int vectors, int rows, bool by_rows>
ATTNEWTON_INLINE void product_block(Size inner, const Real* b, Size stride, const Lanes<const Real>& in,
                                    const Lanes<Real>& out, bool accumulate) {
  Vec<Real> sum[rows][vectors];
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v)
      sum[r][v] = accumulate ? load(out.data + r * out.stride + v * lanes<Real>) : Vec<Real>{};
  }
  for (Size l = 0; l < inner; ++l) {
    Vec<Real> x[vectors];
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v) x[v] = load(in.data + l * in.stride + v * lanes<Real>);
#pragma GCC unroll 16
    for (int r = 0; r < rows; ++r) {
      const Vec<Real> entry = all(by_rows ? b[r * stride + l] : b[l * stride + r]);
#pragma GCC unroll 16
      for (int v = 0; v < vectors; ++v) sum[r][v] += entry * x[v];
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v) store(out.data + r * out.stride + v * lanes<Real>, sum[r][v]);
  }
}

// Rows at once for a block of so many vectors: the sums fill the registers, but for the operands.
constexpr int rows_at_once(int vectors) {
  const int rows = ATTNEWTON_SUM_REGISTERS / vectors;
  return rows < 8 ? rows : 8;
}

template <class Real, int vectors, bool by_rows, int rows>
ATTNEWTON_INLINE void product_remainder(Size remaining, Size inner, const Real* b, Size stride,
                                        const Lanes<const Real>& in, const Lanes<Real>& out,
                                        bool accumulate) {
  if constexpr (rows > 0) {
    if (remaining == rows) {
      product_block<Real, vectors, rows, by_rows>(inner, b, stride, in, out, accumulate);
    } else {
      product_remainder<Real, vectors, by_rows, rows - 1>(remaining, inner, b, stride, in, out, accumulate);
    }
  }
}

template <class Real, int vectors, bool by_rows>
void product(Size rows, Size inner, const Real* b, Size stride, const Lanes<const Real>& in, Lanes<Real> out,
             bool accumulate) {
  constexpr int at_once = rows_at_once(vectors);
  const Size step = by_rows ? stride : 1;
  Size r = 0;
  for (; r + at_once <= rows; r += at_once) {
    product_block<Real, vectors, at_once, by_rows>(inner, b + r * step, stride, in, out, accumulate);
    out.data += at_once * out.stride;
  }
  product_remainder<Real, vectors, by_rows, at_once - 1>(rows - r, inner, b + r * step, stride, in, out,
                                                         accumulate);
}

template <class Real>
void dots(Size vectors, Size rows, Size inner, const Real* b, Size stride, Lanes<const Real> in,
          Lanes<Real> out, bool accumulate) {
  with_vectors(vectors,
               [&]<int v>() { product<Real, v, true>(rows, inner, b, stride, in, out, accumulate); });
}

template <class Real>
void mix(Size vectors, Size columns, Size inner, const Real* b, Size stride, Lanes<const Real> in,
         Lanes<Real> out, bool accumulate) {
  with_vectors(vectors,
               [&]<int v>() { product<Real, v, false>(columns, inner, b, stride, in, out, accumulate); });
}

}  // namespace
}  // namespace attnewton
