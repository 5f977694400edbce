// The products of a tile of an attention map: by the tile kernels where the other side is thin, as it is for
// factors of heads, else by dgemm. Everything is local, one thread; a product is rows × keys × width
// multiply–adds.
#pragma once

#include "attnewton/linalg/blas.hpp"

namespace attnewton {

/// scale·Rᵀ of key rows R (m × r), as score_tile() reads them where R is thin; empty where it is not.
Matrix thin_keys(const Matrix& rows, double scale);

/// Key rows R and what thin_keys() made of them.
struct ScoreKeys {
  const Matrix& rows;
  const Matrix& thin;
};

/// S = scale·Q Rᵀ for the rows `range` of the keys.
void score_tile(const ConstMatrixRef& q, const ScoreKeys& keys, Range range, double scale, MatrixRef s);

/// C = P R, C += P R, and C += PᵀQ.
void mix_rows(const ConstMatrixRef& p, const ConstMatrixRef& r, MatrixRef c);
void add_mixed_rows(const ConstMatrixRef& p, const ConstMatrixRef& r, MatrixRef c);
void add_to_keys(const ConstMatrixRef& p, const ConstMatrixRef& q, MatrixRef c);

}  // namespace attnewton
