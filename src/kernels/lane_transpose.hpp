// Between rows in memory and lanes.
#pragma once

#include <utility>

#include "lane_vector.hpp"

namespace attnewton {
namespace {

// A square of as many rows as a vector has lanes, in the registers, turned about its diagonal: blocks of half
// the size change places, then those of a quarter, and so on.
template <class T, int n>
struct Square {
  using Row [[gnu::vector_size(n * sizeof(T))]] = T;
  using InMemory [[gnu::vector_size(n * sizeof(T)), gnu::aligned(alignof(T)), gnu::may_alias]] = T;
  Row row[n];

  template <int half, int... k>
  ATTNEWTON_INLINE static void swap(Row& upper, Row& lower, std::integer_sequence<int, k...>) {
    const Row u = upper;
    const Row l = lower;
    upper = __builtin_shufflevector(u, l, ((k & half) != 0 ? n + k - half : k)...);
    lower = __builtin_shufflevector(u, l, ((k & half) != 0 ? n + k : k + half)...);
  }
  template <int half>
  ATTNEWTON_INLINE void swap_blocks() {
#pragma GCC unroll 16
    for (int i = 0; i < n; ++i) {
      if ((i & half) == 0) swap<half>(row[i], row[i + half], std::make_integer_sequence<int, n>());
    }
    if constexpr (half > 1) swap_blocks<half / 2>();
  }
  ATTNEWTON_INLINE void load_from(const T* p, Size stride) {
#pragma GCC unroll 16
    for (int i = 0; i < n; ++i) row[i] = *reinterpret_cast<const InMemory*>(p + i * stride);
  }
};

// The transpose of rows × columns numbers; the square corners that fit go through registers.
template <class From, class To>
ATTNEWTON_INLINE void transpose(Size rows, Size columns, const From* a, Size stride, To* out,
                                Size out_stride) {
  constexpr int n = static_cast<int>(lanes<double>);
  const Size square_rows = rows / n * n;
  const Size square_columns = columns / n * n;
  for (Size i = 0; i < square_rows; i += n) {
    for (Size c = 0; c < square_columns; c += n) {
      Square<From, n> square;
      square.load_from(a + i * stride + c, stride);
      square.template swap_blocks<n / 2>();
#pragma GCC unroll 16
      for (int k = 0; k < n; ++k) {
        using ToRow = Square<To, n>;
        *reinterpret_cast<typename ToRow::InMemory*>(out + (c + k) * out_stride + i) =
            __builtin_convertvector(square.row[k], typename ToRow::Row);
      }
    }
  }
  for (Size i = 0; i < rows; ++i) {
    for (Size c = i < square_rows ? square_columns : 0; c < columns; ++c)
      out[c * out_stride + i] = static_cast<To>(a[i * stride + c]);
  }
}

template <class Real>
void pack(Size vectors, Size rows, Size columns, const double* a, Size stride, Real* out) {
  const Size width = vectors * lanes<Real>;
  transpose(rows, columns, a, stride, out, width);
  if (rows == width) return;
  for (Size c = 0; c < columns; ++c) {
    for (Size i = rows; i < width; ++i) out[c * width + i] = Real{0};
  }
}

template <class Real>
void unpack(Size vectors, Size rows, Size columns, const double* in, double* a, Size stride) {
  transpose(columns, rows, in, vectors * lanes<Real>, a, stride);
}

template <class Real>
void unpack_real(Size vectors, Size rows, Size columns, const Real* in, Real* a, Size stride) {
  transpose(columns, rows, in, vectors * lanes<Real>, a, stride);
}

}  // namespace
}  // namespace attnewton
