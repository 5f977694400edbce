// The pieces of a query row's Hessian: Khatri–Rao rows, low-rank corrections.
#pragma once

#include "lane_vector.hpp"

namespace attnewton {
namespace {

// out_i = factor · x_i for i < count.
template <class Real>
ATTNEWTON_INLINE void scaled_copy(Size count, Real factor, const Real* x, Real* out) {
  Size i = 0;
  for (; i + lanes<Real> <= count; i += lanes<Real>) store(out + i, load(x + i) * factor);
  for (; i < count; ++i) out[i] = x[i] * factor;
}

template <class Real>
void khatri_rao(Size rows, Size q, Real scale, const Real* a, Size a_stride, const Real* b, Size b_stride,
                Size first, Size count, Real* out, Size out_stride) {
  for (Size j = 0; j < rows; ++j) {
    Size r = first / q;
    Size s = first % q;
    for (Size done = 0; done < count; ++r, s = 0) {
      const Size length = q - s < count - done ? q - s : count - done;
      scaled_copy<Real>(length, scale * a[j * a_stride + r], b + j * b_stride + s,
                        out + j * out_stride + done);
      done += length;
    }
  }
}

template <class Real>
void khatri_rao_square(Size rows, Real scale, const Real* a, Size stride, Size first, Size count, Real* out,
                       Size out_stride) {
  Size first_r = 0;
  while ((first_r + 1) * (first_r + 2) / 2 <= first) ++first_r;
  const Size first_s = first - first_r * (first_r + 1) / 2;
  for (Size j = 0; j < rows; ++j) {
    const Real* row = a + j * stride;
    Size r = first_r;
    Size s = first_s;
    for (Size done = 0; done < count; ++r, s = 0) {
      const Size length = r + 1 - s < count - done ? r + 1 - s : count - done;
      scaled_copy<Real>(length, scale * row[r], row + s, out + j * out_stride + done);
      done += length;
    }
  }
}

template <class Real>
void subtract_outer(Size vectors, Size d2, Size d3, bool symmetric, const Real* p, const Real* t, Real* r) {
  const Size width = vectors * lanes<Real>;
  for (Size b = 0; b < d2; ++b) {
    const Size columns = symmetric ? b + 1 : d3;
    for (Size v = 0; v < width; v += lanes<Real>) {
      const Vec<Real> factor = load(p + b * width + v);
      for (Size k = 0; k < columns; ++k) {
        Real* entry = r + k * width + v;
        store(entry, load(entry) - factor * load(t + k * width + v));
      }
    }
    r += columns * width;
  }
}

// Entries (first_a …, first_b …) of K Kᵀ − h pᵀ − p hᵀ of a vector's lanes, added to packed m; those above
// the diagonal are left out.
template <class Real, int side>
ATTNEWTON_INLINE void low_rank_square(Size width, Size e, Size first_a, Size first_b, const Real* k,
                                      const Real* h, const Real* p, Real* m) {
  Vec<Real> sum[side][side];
#pragma GCC unroll 4
  for (int a = 0; a < side; ++a) {
#pragma GCC unroll 4
    for (int b = 0; b < side; ++b) {
      sum[a][b] = Vec<Real>{};
      if (h != nullptr) {
        sum[a][b] -= load(h + (first_a + a) * width) * load(p + (first_b + b) * width);
        sum[a][b] -= load(p + (first_a + a) * width) * load(h + (first_b + b) * width);
      }
    }
  }
  for (Size i = 0; i < e; ++i) {
    Vec<Real> right[side];
#pragma GCC unroll 4
    for (int b = 0; b < side; ++b) right[b] = load(k + ((first_b + b) * e + i) * width);
#pragma GCC unroll 4
    for (int a = 0; a < side; ++a) {
      const Vec<Real> left = load(k + ((first_a + a) * e + i) * width);
#pragma GCC unroll 4
      for (int b = 0; b < side; ++b) sum[a][b] += left * right[b];
    }
  }
  for (int a = 0; a < side; ++a) {
    const Size row = first_a + a;
    for (int b = 0; b < side; ++b) {
      if (first_b + b > row) continue;
      Real* entry = m + (row * (row + 1) / 2 + first_b + b) * width;
      store(entry, load(entry) + sum[a][b]);
    }
  }
}

template <class Real>
void add_low_rank(Size vectors, Size d, Size e, const Real* k, const Real* h, const Real* p, Real* m) {
  constexpr int side = ATTNEWTON_SUM_REGISTERS >= 24 ? 4 : 3;
  const Size width = vectors * lanes<Real>;
  const Size whole = d / side * side;
  for (Size v = 0; v < width; v += lanes<Real>) {
    const Real* h_v = h == nullptr ? nullptr : h + v;
    const Real* p_v = p == nullptr ? nullptr : p + v;
    for (Size a = 0; a < whole; a += side) {
      for (Size b = 0; b <= a; b += side) low_rank_square<Real, side>(width, e, a, b, k + v, h_v, p_v, m + v);
    }
    for (Size a = whole; a < d; ++a) {
      for (Size b = 0; b <= a; ++b) low_rank_square<Real, 1>(width, e, a, b, k + v, h_v, p_v, m + v);
    }
  }
}

}  // namespace
}  // namespace attnewton
