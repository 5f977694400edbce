// Symmetric matrices packed by their lower triangle, row by row: vech. Halves the row-wise Khatri–Rao
// products.
#pragma once

#include "attnewton/linalg/blas.hpp"

namespace attnewton {

/// d(d+1)/2.
constexpr Index packed_size(Index d) {
  return d * (d + 1) / 2;
}

/// Position of entry (a, b), a ≥ b, in vech.
constexpr Index packed_index(Index a, Index b) {
  return a * (a + 1) / 2 + b;
}

/// out = vech(scale · v vᵀ) for v of length d. Local, d²/2 flops.
inline void pack_outer_product(const double* v, Index d, double scale, double* out) {
  for (Index a = 0; a < d; ++a) {
    const double factor = scale * v[a];
    for (Index b = 0; b <= a; ++b) *out++ = factor * v[b];
  }
}

/// out = vech(S) of symmetric S, of which the lower triangle is read. Local.
void pack_symmetric(const ConstMatrixRef& symmetric, double* out);

/// Full symmetric d × d matrix from vech. Local.
void unpack_symmetric(const double* packed, MatrixRef symmetric);

}  // namespace attnewton
