#include "attnewton/curvature/attention_sums.hpp"

#include <algorithm>
#include <vector>

#include "attnewton/linalg/packed_symmetric.hpp"
#include "attnewton/parallel/deterministic.hpp"

namespace attnewton {
namespace {

// Rows whose M_j, N_j, K_j and Khatri–Rao rows stand in memory at once: as many as fit this, within bounds
// that keep the products that add them up at BLAS-3's speed.
constexpr Index chunk_bytes = Index{96} << 20;
constexpr Index fewest_chunk_rows = 64;
constexpr Index most_chunk_rows = 1024;

Index chunk_rows(const BlockShape& shape) {
  const Index numbers_a_row = packed_size(shape.d1) + shape.m_size() + shape.n_size() + shape.k_size() +
                              shape.d1 * (shape.d3 + shape.e);
  return std::clamp(chunk_bytes / (8 * numbers_a_row), fewest_chunk_rows, most_chunk_rows);
}

// Rows scale · a_j ⊗ b_j.
Matrix kronecker_rows(double scale, const ConstMatrixRef& a, const ConstMatrixRef& b) {
  Matrix rows(a.rows(), a.cols() * b.cols());
  for (Index j = 0; j < a.rows(); ++j) {
    MatrixView(rows.row(j).data(), a.cols(), b.cols()).noalias() = scale * a.row(j).transpose() * b.row(j);
  }
  return rows;
}

Matrix packed_squares(double scale, const ConstMatrixRef& a) {
  Matrix rows(a.rows(), packed_size(a.cols()));
  for (Index j = 0; j < a.rows(); ++j) {
    pack_outer_product(a.data() + j * a.outerStride(), a.cols(), scale, rows.row(j).data());
  }
  return rows;
}

}  // namespace

AttentionSums::AttentionSums(const AttentionProblem& problem, const AttentionPoint& point, HessianForm form)
    : shape_(BlockShape::of(problem.data())) {
  const AttentionRegulariser& regulariser = problem.regulariser();
  xx_ = Matrix::Zero(packed_size(shape_.d1), shape_.m_size());
  xy_t_ = Matrix::Zero(shape_.d1 * shape_.d3, shape_.k_size());
  if (form == HessianForm::exact) xy_c_ = Matrix::Zero(shape_.d1 * shape_.e, shape_.n_size());

  const Matrix outputs = product_by_rows(problem.data().values(), point.y);  // A₃Y
  const Index limit = chunk_rows(shape_);
  const std::span<const AttentionTile> tiles(problem.tiles());
  for (std::size_t first = 0; first < tiles.size();) {
    std::size_t last = first + 1;
    while (last < tiles.size() && tiles[last].queries.end - tiles[first].queries.begin <= limit) ++last;
    add_chunk(problem, point, outputs, tiles.subspan(first, last - first), form);
    first = last;
  }
  if (regulariser.is_weighted()) add_transpose_product(regulariser.packed_u(), regulariser.packed_v(), xx_);
}

void AttentionSums::add_chunk(const AttentionProblem& problem, const AttentionPoint& point,
                              const Matrix& outputs, std::span<const AttentionTile> tiles, HessianForm form) {
  const AttentionData& data = problem.data();
  const Range rows{tiles.front().queries.begin, tiles.back().queries.end};
  RowBlocks blocks(shape_, form, rows.size());
  for_each_task(static_cast<Index>(tiles.size()), [&](Index i) {
    const AttentionTile& tile = tiles[static_cast<std::size_t>(i)];
    fill_row_blocks(problem, point, outputs, tile, form, tile.queries.begin - rows.begin, blocks);
  });

  const auto a = data.queries.middleRows(rows.begin, rows.size());
  const auto t = point.at.mixed.middleRows(rows.begin, rows.size());
  const auto c = point.at.residual.middleRows(rows.begin, rows.size());
  add_transpose_product(packed_squares(data.scale * data.scale, a), blocks.m, xx_);
  add_transpose_product(kronecker_rows(data.scale, a, t), blocks.k, xy_t_);
  if (form == HessianForm::exact) add_transpose_product(kronecker_rows(data.scale, a, c), blocks.n, xy_c_);
}

Matrix AttentionSums::xx_panel(Index a_prime) const {
  Matrix panel((shape_.d1 - a_prime) * shape_.d2, shape_.d2);
  for (Index a = a_prime; a < shape_.d1; ++a) {
    unpack_symmetric(xx_.row(packed_index(a, a_prime)).data(),
                     panel.middleRows((a - a_prime) * shape_.d2, shape_.d2));
  }
  return panel;
}

Matrix AttentionSums::xy_panel(Index a) const {
  Matrix panel(shape_.d2, shape_.d3 * shape_.e);
  for (Index b = 0; b < shape_.d2; ++b) {
    for (Index k = 0; k < shape_.d3; ++k) {
      panel.row(b).segment(k * shape_.e, shape_.e) =
          xy_t_.row(a * shape_.d3 + k).segment(b * shape_.e, shape_.e);
    }
  }
  if (xy_c_.size() == 0) return panel;
  Matrix n(shape_.d2, shape_.d3);
  for (Index i = 0; i < shape_.e; ++i) {
    const double* sums = xy_c_.row(a * shape_.e + i).data();
    if (shape_.symmetric) {
      unpack_symmetric(sums, n);
    } else {
      n = ConstMatrixView(sums, shape_.d2, shape_.d3);
    }
    for (Index b = 0; b < shape_.d2; ++b) {
      for (Index k = 0; k < shape_.d3; ++k) panel(b, k * shape_.e + i) += n(b, k);
    }
  }
  return panel;
}

}  // namespace attnewton
