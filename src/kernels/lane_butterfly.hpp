// Butterflies of the Walsh–Hadamard transform, columns along the vectors.
#pragma once

#include "lane_vector.hpp"

namespace attnewton {
namespace {

// v ← H v of order `rows`, for numbers or vectors of them.
template <int rows, class Number>
ATTNEWTON_INLINE void transform(Number* v) {
#pragma GCC unroll 3
  for (int half = 1; half < rows; half *= 2) {
#pragma GCC unroll 8
    for (int i = 0; i < rows; ++i) {
      if ((i & half) != 0) continue;
      const Number a = v[i];
      const Number b = v[i | half];
      v[i] = a + b;
      v[i | half] = a - b;
    }
  }
}

template <int rows, class Real>
void butterfly_of(Size count, Real* data) {
  const Size whole = count / lanes<Real> * lanes<Real>;
  for (Size c = 0; c < whole; c += lanes<Real>) {
    Vec<Real> v[rows];
#pragma GCC unroll 8
    for (int i = 0; i < rows; ++i) v[i] = load(data + i * count + c);
    transform<rows>(v);
#pragma GCC unroll 8
    for (int i = 0; i < rows; ++i) store(data + i * count + c, v[i]);
  }
  for (Size c = whole; c < count; ++c) {
    Real v[rows];
#pragma GCC unroll 8
    for (int i = 0; i < rows; ++i) v[i] = data[i * count + c];
    transform<rows>(v);
#pragma GCC unroll 8
    for (int i = 0; i < rows; ++i) data[i * count + c] = v[i];
  }
}

template <class Real>
void butterfly(Size rows, Size count, Real* data) {
  if (rows == 8) {
    butterfly_of<8>(count, data);
  } else if (rows == 4) {
    butterfly_of<4>(count, data);
  } else {
    butterfly_of<2>(count, data);
  }
}

}  // namespace
}  // namespace attnewton
