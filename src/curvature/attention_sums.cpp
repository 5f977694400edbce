#include "attnewton/curvature/attention_sums.hpp"

#include <algorithm>
#include <span>
#include <vector>

#include "attnewton/linalg/packed_symmetric.hpp"
#include "attnewton/parallel/deterministic.hpp"

#include "row_product.hpp"

namespace attnewton {
namespace {

// Rows whose M_j, N_j and K_j stand in memory at once: as many as fit this, within bounds that keep the
// products that add them up fast.
constexpr Index chunk_bytes = Index{96} << 20;
constexpr Index fewest_chunk_rows = 64;
constexpr Index most_chunk_rows = 512;

// Block rows that become final together: few, so that reductions begin early and hold little memory.
constexpr Index final_rows = 4;

template <class Real>
Index chunk_rows(const BlockShape& shape) {
  const Index numbers_a_row = shape.m_size() + shape.n_size() + shape.k_size();
  const Index fitting = chunk_bytes / (static_cast<Index>(sizeof(Real)) * numbers_a_row);
  return std::clamp(fitting, fewest_chunk_rows, most_chunk_rows);
}

// The tiles from the first one on that make a chunk.
std::span<const AttentionTile> next_chunk(std::span<const AttentionTile> tiles, Index most_rows) {
  std::size_t count = 1;
  while (count < tiles.size() && tiles[count].queries.end - tiles.front().queries.begin <= most_rows) ++count;
  return tiles.first(count);
}

// The query rows' own factors of the sums, in the kernels' scalar type.
template <class Real>
class LeftFactors {
 public:
  LeftFactors(const AttentionData& data, const AttentionForward& at)
      : kernels_(tile_kernels<Real>(instruction_set())),
        scale_(static_cast<Real>(data.scale)),
        queries_(data.queries),
        mixed_(at.mixed),
        residual_(at.residual) {}

  // scale² vech(a_j a_jᵀ) of the rows from `begin` on.
  typename RowProduct<Real>::Left squares(Index begin) const {
    return [this, begin](Index row, Index rows, Index first, Index count, Index stride, Real* out) {
      kernels_.khatri_rao_square(rows, scale_ * scale_, queries_.row(begin + row), queries_.columns(), first,
                                 count, out, stride);
    };
  }
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

AttentionSums::AttentionSums(const AttentionProblem& problem, const AttentionPoint& point, HessianForm form)
    : problem_(problem), point_(point), form_(form), shape_(BlockShape::of(problem.data())) {
  const Index width = is_coarse() ? panel_width<float>() : panel_width<double>();
  xx_ = PanelMatrix<double>(packed_size(shape_.d1), shape_.m_size(), width);
  xy_t_ = PanelMatrix<double>(shape_.d1 * shape_.d3, shape_.k_size(), width);
  if (form == HessianForm::exact) xy_c_ = PanelMatrix<double>(shape_.d1 * shape_.e, shape_.n_size(), width);
}

// What the sums start from, where that is not nothing: the regulariser's weighted form. Returns whether the
// sums hold anything.
bool AttentionSums::start() {
  const AttentionRegulariser& regulariser = problem_.regulariser();
  if (!regulariser.is_weighted() && !problem_.tiles().empty()) return false;
  xx_.set_zero();
  xy_t_.set_zero();
  if (!xy_c_.empty()) xy_c_.set_zero();
  if (!regulariser.is_weighted()) return true;
  // Row by row: the whole term would take as much memory as the sums themselves.
  for_each_task(xx_.rows(), [&](Index row) {
    const Vector term = regulariser.packed_v().transpose() * regulariser.packed_u().col(row);
    for (Index column = 0; column < term.size(); ++column) xx_(row, column) = term[column];
  });
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
  const BlockInputs<Real> inputs(problem_, point_);
  const LeftFactors<Real> left(inputs.data, inputs.at);
  const Index limit = chunk_rows<Real>(shape_);
  const Range all{0, shape_.d1};
  std::span<const AttentionTile> tiles(problem_.tiles());
  RowBlocks<Real> blocks(shape_, form_, std::min(limit, inputs.data.queries.rows()));
  bool accumulate = start();
  std::vector<RowProduct<Real>> products;
  while (!tiles.empty()) {
    const auto chunk = next_chunk(tiles, limit);
    tiles = tiles.subspan(chunk.size());
    const Index begin = chunk.front().queries.begin;
    const Index rows = chunk.back().queries.end - begin;
    for_each_task(static_cast<Index>(chunk.size()), [&](Index i) {
      const AttentionTile& tile = chunk[static_cast<std::size_t>(i)];
      fill_row_blocks(inputs, tile, form_, tile.queries.begin - begin, blocks);
    });
    products.clear();
    products.push_back(
        {&xy_t_, &blocks.k, rows, left.with_mixed(begin), [this](Index a) { return a * shape_.d3; }});
    if (form_ == HessianForm::exact)
      products.push_back(
          {&xy_c_, &blocks.n, rows, left.with_residual(begin), [this](Index a) { return a * shape_.e; }});
    products.push_back({&xx_, &blocks.m, rows, left.squares(begin), [](Index a) { return packed_size(a); }});
    if (tiles.empty()) break;
    add_products(products, all, accumulate);
    accumulate = true;
  }
  for (Index a = 0; a < shape_.d1; a += final_rows) {
    const Range rows{a, std::min(shape_.d1, a + final_rows)};
    if (!products.empty()) add_products(products, rows, accumulate);
    rows_done(rows);
  }
}

Matrix AttentionSums::xx_row(Index a) const {
  Matrix row(shape_.d2, (a + 1) * shape_.d2);
  for_each_task(a + 1, [&](Index a_prime) {
    Vector packed(shape_.m_size());
    xx_.copy_row(packed_index(a, a_prime), 0, packed.size(), packed.data());
    unpack_symmetric(packed.data(), row.middleCols(a_prime * shape_.d2, shape_.d2));
  });
  return row;
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
