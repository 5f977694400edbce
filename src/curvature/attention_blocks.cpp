#include "attnewton/curvature/attention_blocks.hpp"

#include <algorithm>

#include "attnewton/linalg/packed_symmetric.hpp"

namespace attnewton {
namespace {

// Keys whose Khatri–Rao rows stand in memory at once.
constexpr Index keys_at_once = 128;

// Rows vech(a_k a_kᵀ), or a_k ⊗ b_k when the values differ from the keys.
Matrix khatri_rao(const Matrix& keys, Range range) {
  Matrix rows(range.size(), packed_size(keys.cols()));
  for (Index k = 0; k < range.size(); ++k) {
    pack_outer_product(keys.row(range.begin + k).data(), keys.cols(), 1, rows.row(k).data());
  }
  return rows;
}

Matrix khatri_rao(const Matrix& keys, const Matrix& values, Range range) {
  Matrix rows(range.size(), keys.cols() * values.cols());
  for (Index k = 0; k < range.size(); ++k) {
    MatrixView(rows.row(k).data(), keys.cols(), values.cols()).noalias() =
        keys.row(range.begin + k).transpose() * values.row(range.begin + k);
  }
  return rows;
}

// The backward pass of a tile's rows: P = F∘(G − s1ᵀ) and its product with the keys.
struct Backward {
  Matrix p;       // rows × keys
  Matrix p_keys;  // P A₂ = g_j − s_j p_j, rows × d₂
};

Backward backward_pass(const AttentionData& data, const AttentionPoint& point, const Matrix& outputs,
                       const AttentionTile& tile, const Matrix& f) {
  Backward back{Matrix(f.rows(), f.cols()), Matrix(f.rows(), data.key_width())};
  multiply_by_transpose(1, query_rows(point.at.residual, tile), key_rows(outputs, tile), back.p);
  back.p.array() *= f.array();
  const Eigen::ArrayXd s = back.p.rowwise().sum().array();
  back.p.array() -= f.array().colwise() * s;
  multiply(back.p, key_rows(data.keys, tile), back.p_keys);
  return back;
}

// P [vech(a_k a_kᵀ)]_k into `m` unless P is null, and F [vech(a_k a_kᵀ)]_k (or F [a_k ⊗ b_k]_k) into `r`; the
// keys are streamed, and where both want the same Khatri–Rao rows these are made once.
template <class Rows>
void weighted_grams(const AttentionData& data, const AttentionTile& tile, const Matrix& f, const Matrix* p,
                    Rows&& m, Matrix& r) {
  for (Index first = 0; first < tile.keys.size(); first += keys_at_once) {
    const Index count = std::min(keys_at_once, tile.keys.size() - first);
    const Range range{tile.keys.begin + first, tile.keys.begin + first + count};
    const double beta = first == 0 ? 0 : 1;
    const bool squares_wanted = data.values_are_keys || p != nullptr;
    const Matrix squares = squares_wanted ? khatri_rao(data.keys, range) : Matrix();
    const Matrix products = data.values_are_keys ? Matrix() : khatri_rao(data.keys, data.values(), range);
    gemm(Transpose::no, Transpose::no, 1, f.middleCols(first, count),
         data.values_are_keys ? squares : products, beta, r);
    if (p != nullptr) gemm(Transpose::no, Transpose::no, 1, p->middleCols(first, count), squares, beta, m);
  }
}

// N_j = R_j − p_j t_jᵀ of every row, each whole (d₂ × d₃), rows below one another.
Matrix whole_n_blocks(const BlockShape& shape, const Matrix& r, const ConstMatrixRef& p,
                      const ConstMatrixRef& t) {
  Matrix n(r.rows() * shape.d2, shape.d3);
  for (Index j = 0; j < r.rows(); ++j) {
    auto block = n.middleRows(j * shape.d2, shape.d2);
    if (shape.symmetric) {
      unpack_symmetric(r.row(j).data(), block);
    } else {
      block = ConstMatrixView(r.row(j).data(), shape.d2, shape.d3);
    }
    block.noalias() -= p.row(j).transpose() * t.row(j);
  }
  return n;
}

// M_j's part of low rank: K_j K_jᵀ − h_j p_jᵀ − p_j h_jᵀ with h_j = g_j − s_j p_j, which gathers the s_j
// terms (−g pᵀ − p gᵀ + 2 s p pᵀ). One product of [K h p] with [K −p −h].
class LowRankPart {
 public:
  LowRankPart(const BlockShape& shape, HessianForm form)
      : e_(shape.e),
        full_(form == HessianForm::exact),
        left_(shape.d2, shape.e + (full_ ? 2 : 0)),
        right_(left_),
        sum_(shape.d2, shape.d2) {}

  const Matrix& of_row(const double* k, const ConstMatrixRef& h, const ConstMatrixRef& p, Index j) {
    const ConstMatrixView k_block(k, left_.rows(), e_);
    left_.leftCols(e_) = k_block;
    right_.leftCols(e_) = k_block;
    if (full_) {
      left_.col(e_) = h.row(j).transpose();
      left_.col(e_ + 1) = p.row(j).transpose();
      right_.col(e_) = -p.row(j).transpose();
      right_.col(e_ + 1) = -h.row(j).transpose();
    }
    multiply_by_transpose(1, left_, right_, sum_);
    return sum_;
  }

 private:
  Index e_;
  bool full_;
  Matrix left_;
  Matrix right_;
  Matrix sum_;
};

}  // namespace

BlockShape BlockShape::of(const AttentionData& data) {
  return {data.query_width(), data.key_width(), data.value_width(), data.output_width(),
          data.values_are_keys};
}

RowBlocks::RowBlocks(const BlockShape& shape, HessianForm form, Index rows)
    : m(rows, shape.m_size()),
      n(form == HessianForm::exact ? rows : 0, shape.n_size()),
      k(rows, shape.k_size()) {}

void fill_row_blocks(const AttentionProblem& problem, const AttentionPoint& point, const Matrix& outputs,
                     const AttentionTile& tile, HessianForm form, Index first_row, RowBlocks& blocks) {
  const AttentionData& data = problem.data();
  const BlockShape shape = BlockShape::of(data);
  const bool exact = form == HessianForm::exact;
  const Index rows = tile.queries.size();

  const Matrix f = tile_softmax(data, tile, point.x);
  const auto t = query_rows(point.at.mixed, tile);
  Matrix p(rows, shape.d2);  // p_j = A₂ᵀ f_j
  multiply(f, key_rows(data.keys, tile), p);
  Backward back;
  if (exact) back = backward_pass(data, point, outputs, tile, f);

  auto m = blocks.m.middleRows(first_row, rows);
  Matrix r(rows, shape.n_size());
  weighted_grams(data, tile, f, exact ? &back.p : nullptr, m, r);
  if (!exact) m.setZero();

  const Matrix n = whole_n_blocks(shape, r, p, t);
  MatrixView k(blocks.k.row(first_row).data(), rows * shape.d2, shape.e);
  multiply(n, point.y, k);
  LowRankPart low_rank(shape, form);
  Matrix packed(1, shape.m_size());
  for (Index j = 0; j < rows; ++j) {
    pack_symmetric(low_rank.of_row(blocks.k.row(first_row + j).data(), back.p_keys, p, j), packed.data());
    m.row(j) += packed;
    if (!exact) continue;
    const auto n_block = n.middleRows(j * shape.d2, shape.d2);
    double* n_row = blocks.n.row(first_row + j).data();
    if (shape.symmetric) {
      pack_symmetric(n_block, n_row);
    } else {
      MatrixView(n_row, shape.d2, shape.d3) = n_block;
    }
  }
}

}  // namespace attnewton
