#include "attnewton/curvature/attention_sums.hpp"

#include <algorithm>
#include <span>
#include <vector>

#include "attnewton/linalg/packed_symmetric.hpp"
#include "attnewton/parallel/deterministic.hpp"

#include "kronecker_row_sums.hpp"
#include "row_chunks.hpp"

namespace attnewton {
namespace {

// The query rows' own factors of the sums, in the kernels' scalar type.
template <class Real>
class LeftFactors {
 public:
  LeftFactors(double scale, const AttentionRows& rows)
      : kernels_(tile_kernels<Real>(instruction_set())),
        scale_(static_cast<Real>(scale)),
        queries_(rows.left_queries),
        mixed_(rows.left_mixed),
        residual_(rows.left_residual) {}

  // scale² vech(a_j a_jᵀ) of the rows from `begin` on, a_j standing for √w_j a_j, as t_j and c_j below.
  typename RowProduct<Real>::Left squares(Index begin) const { return squared_rows(queries_, scale_, begin); }
  // scale a_j ⊗ t_j
  typename RowProduct<Real>::Left with_mixed(Index begin) const { return products(begin, mixed_); }
  // scale a_j ⊗ c_j
  typename RowProduct<Real>::Left with_residual(Index begin) const { return products(begin, residual_); }

 private:
  typename RowProduct<Real>::Left products(Index begin, const Operand<Real>& b) const {
    return [this, begin, &b](Index row, Index rows, Index first, Index count, Index stride, Real* out) {
      kernels_.khatri_rao(rows, b.columns(), scale_, queries_.row(begin + row), queries_.columns(),
                          b.row(begin + row), b.columns(), first, count, out, stride);
    };
  }

  const TileKernels<Real>& kernels_;
  Real scale_;
  Operand<Real> queries_;
  Operand<Real> mixed_;
  Operand<Real> residual_;
};

}  // namespace

AttentionSums::AttentionSums(const AttentionProblem& problem, const AttentionPoint& point,
                             const AttentionRows& rows, HessianForm form)
    : problem_(problem), point_(point), rows_(rows), form_(form), shape_(BlockShape::of(problem.data())) {
  const Index width = is_coarse() ? panel_width<float>() : panel_width<double>();
  xx_ = PanelMatrix<double>(packed_size(shape_.d1), shape_.m_size(), width);
  xy_t_ = PanelMatrix<double>(shape_.d1 * shape_.d3, shape_.k_size(), width);
  if (form == HessianForm::exact) xy_c_ = PanelMatrix<double>(shape_.d1 * shape_.e, shape_.n_size(), width);
}

// What the sums start from, where that is not nothing: the regulariser's weighted form. Returns whether the
// sums hold anything.
bool AttentionSums::start() {
  const AttentionRegulariser& regulariser = problem_.regulariser();
  if (!regulariser.is_weighted() && !rows_.tiles.empty()) return false;
  set_to_packed_products(regulariser.packed_u(), regulariser.packed_v(), xx_);
  xy_t_.set_zero();
  if (!xy_c_.empty()) xy_c_.set_zero();
  return true;
}

void AttentionSums::add_up(const std::function<void(Range)>& rows_done) {
  if (is_coarse()) {
    add_rows<float>(rows_done);
  } else {
    add_rows<double>(rows_done);
  }
}

template <class Real>
void AttentionSums::add_rows(const std::function<void(Range)>& rows_done) {
  const BlockInputs<Real> inputs(problem_, point_, rows_);
  const LeftFactors<Real> left(problem_.data().scale, rows_);
  const Index numbers_a_row = shape_.m_size() + shape_.n_size() + shape_.k_size();
  const Index limit = chunk_rows(static_cast<Index>(sizeof(Real)) * numbers_a_row);
  RowBlocks<Real> blocks(shape_, form_, std::min(limit, rows_.queries.rows()));
  const bool accumulate = start();
  const MakeProducts<Real> make_products = [&](auto chunk, auto& products) {
    const Index begin = chunk.front().queries.begin;
    const Index rows = chunk.back().queries.end - begin;
    for_each_task(static_cast<Index>(chunk.size()), [&](Index i) {
      const AttentionTile& tile = chunk[static_cast<std::size_t>(i)];
      fill_row_blocks(inputs, tile, form_, tile.queries.begin - begin, blocks);
    });
    products.push_back(
        {&xy_t_, &blocks.k, rows, left.with_mixed(begin), [this](Index a) { return a * shape_.d3; }});
    if (form_ == HessianForm::exact)
      products.push_back(
          {&xy_c_, &blocks.n, rows, left.with_residual(begin), [this](Index a) { return a * shape_.e; }});
    products.push_back({&xx_, &blocks.m, rows, left.squares(begin), [](Index a) { return packed_size(a); }});
  };
  add_up_in_chunks<Real>(rows_.tiles, limit, shape_.d1, accumulate, make_products, rows_done);
}

Matrix AttentionSums::xx_row(Index a) const {
  return symmetric_block_row(xx_, shape_.d2, a);
}

Matrix AttentionSums::xy_block(Index a) const {
  const BlockShape& shape = shape_;
  Matrix block(shape.d3, shape.k_size());
  for_each_task(shape.d3,
                [&](Index k) { xy_t_.copy_row(a * shape.d3 + k, 0, shape.k_size(), block.row(k).data()); });
  if (xy_c_.empty()) return block;
  for_each_task(shape.e, [&](Index i) {
    Vector sums(shape.n_size());
    Matrix n(shape.d2, shape.d3);
    xy_c_.copy_row(a * shape.e + i, 0, sums.size(), sums.data());
    if (shape.symmetric) {
      unpack_symmetric(sums.data(), n);
    } else {
      n = ConstMatrixView(sums.data(), shape.d2, shape.d3);
    }
    for (Index k = 0; k < shape.d3; ++k) {
      for (Index b = 0; b < shape.d2; ++b) block(k, b * shape.e + i) += n(b, k);
    }
  });
  return block;
}

}  // namespace attnewton
