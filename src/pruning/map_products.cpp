#include "map_products.hpp"

#include <algorithm>

#include "attnewton/kernels/scratch.hpp"
#include "attnewton/kernels/thin_product.hpp"

namespace attnewton {
namespace {

// Widths up to which the tile kernels beat BLAS, which packs its operands.
constexpr Index widest_thin = 160;
// Keys whose rows of scale·Rᵀ stay in a near cache while query rows go by.
constexpr Index keys_at_once = 64;

ConstBlock block_of(const ConstMatrixRef& a) {
  return {a.data(), a.rows(), a.cols(), a.outerStride()};
}

Block block_of(MatrixRef& a) {
  return {a.data(), a.rows(), a.cols(), a.outerStride()};
}

bool is_thin(Index width) {
  return width <= widest_thin;
}

MatrixView scratch_matrix(ScratchFrame& frame, Index rows, Index columns) {
  return {frame.take<double>(rows * columns), rows, columns};
}

}  // namespace

Matrix thin_keys(const Matrix& rows, double scale) {
  if (!is_thin(rows.cols())) return {};
  return scale * rows.transpose();
}

void score_tile(const ConstMatrixRef& q, const ScoreKeys& keys, Range range, double scale, MatrixRef s) {
  if (keys.thin.size() == 0) {
    multiply_by_transpose(scale, q, keys.rows.middleRows(range.begin, range.size()), s);
    return;
  }
  for (Index first = 0; first < range.size(); first += keys_at_once) {
    const Index count = std::min(keys_at_once, range.size() - first);
    MatrixRef part = s.middleCols(first, count);
    thin_product(block_of(q), block_of(keys.thin.middleCols(range.begin + first, count)), block_of(part));
  }
}

void mix_rows(const ConstMatrixRef& p, const ConstMatrixRef& r, MatrixRef c) {
  if (is_thin(r.cols())) {
    thin_product(block_of(p), block_of(r), block_of(c));
  } else {
    multiply(p, r, c);
  }
}

void add_mixed_rows(const ConstMatrixRef& p, const ConstMatrixRef& r, MatrixRef c) {
  if (!is_thin(r.cols())) {
    gemm(Transpose::no, Transpose::no, 1, p, r, 1, c);
    return;
  }
  ScratchFrame frame;
  MatrixRef product = scratch_matrix(frame, c.rows(), c.cols());
  thin_product(block_of(p), block_of(r), block_of(product));
  c += product;
}

void add_to_keys(const ConstMatrixRef& p, const ConstMatrixRef& q, MatrixRef c) {
  if (!is_thin(q.cols())) {
    gemm(Transpose::yes, Transpose::no, 1, p, q, 1, c);
    return;
  }
  ScratchFrame frame;
  MatrixRef product = scratch_matrix(frame, c.rows(), c.cols());
  thin_transpose_product(block_of(p), block_of(q), block_of(product));
  c += product;
}

}  // namespace attnewton
