#include "attnewton/curvature/attention_sums.hpp"

#include <algorithm>
#include <functional>
#include <type_traits>
#include <vector>

#include "attnewton/linalg/packed_symmetric.hpp"
#include "attnewton/parallel/deterministic.hpp"

namespace attnewton {
namespace {

// Rows whose M_j, N_j and K_j stand in memory at once: as many as fit this, within bounds that keep the
// products that add them up fast.
constexpr Index chunk_bytes = Index{96} << 20;
constexpr Index fewest_chunk_rows = 64;
constexpr Index most_chunk_rows = 512;

// A task owns so many rows of a sum, and adds so many query rows to them at a time: the Khatri–Rao rows that
// it makes fill a part of the second-level cache.
constexpr Index sum_rows_of_task = 128;
constexpr Index rows_at_once = 256;

template <class Real>
Index chunk_rows(const BlockShape& shape) {
  const Index numbers_a_row = shape.m_size() + shape.n_size() + shape.k_size();
  return std::clamp(chunk_bytes / (static_cast<Index>(sizeof(Real)) * numbers_a_row), fewest_chunk_rows,
                    most_chunk_rows);
}

Index tasks_of(Index rows) {
  return (rows + sum_rows_of_task - 1) / sum_rows_of_task;
}

// sum += Σ_j (row j of the left factor)ᵀ (row j of `right`), the left factor being Khatri–Rao rows that
// left(first row, rows, first column, columns, out) makes as they are needed.
template <class Real>
struct RowProduct {
  PanelMatrix<double>* sum;
  const PanelMatrix<Real>* right;
  std::function<void(Index, Index, Index, Index, Real*)> left;

  void add_rows_of_task(Index task) const;
};

template <class Real>
void RowProduct<Real>::add_rows_of_task(Index task) const {
  const TileKernels<Real>& kernels = tile_kernels<Real>(instruction_set());
  const Index first = task * sum_rows_of_task;
  const Index count = std::min(sum_rows_of_task, sum->rows() - first);
  const Index width = right->panel_width();
  ScratchFrame scratch;
  Real* factor = scratch.take<Real>(rows_at_once * sum_rows_of_task);
  Real* part = std::is_same_v<Real, double> ? nullptr : scratch.take<Real>(sum_rows_of_task * width);
  for (Index row = 0; row < right->rows(); row += rows_at_once) {
    const Index rows = std::min(rows_at_once, right->rows() - row);
    left(row, rows, first, count, factor);
    for (Index panel = 0; panel < right->panels(); ++panel) {
      const Lanes<const Real> in{right->at(panel, row), width};
      if constexpr (std::is_same_v<Real, double>) {
        kernels.mix(kernels.most_vectors, count, rows, factor, sum_rows_of_task, in,
                    {sum->at(panel, first), width}, true);
      } else {
        kernels.mix(kernels.most_vectors, count, rows, factor, sum_rows_of_task, in, {part, width}, false);
        kernels.add(kernels.most_vectors, count, part, sum->at(panel, first));
      }
    }
  }
}

template <class Real>
void add_all(const std::vector<RowProduct<Real>>& products) {
  std::vector<Index> first_task{0};
  for (const RowProduct<Real>& product : products)
    first_task.push_back(first_task.back() + tasks_of(product.sum->rows()));
  for_each_task(first_task.back(), [&](Index task) {
    const auto next = std::upper_bound(first_task.begin(), first_task.end(), task);
    const auto product = static_cast<std::size_t>(next - first_task.begin() - 1);
    products[product].add_rows_of_task(task - first_task[product]);
  });
}

// Adds a rank's rows to its sums, chunk by chunk.
template <class Real>
class RowAdder {
 public:
  RowAdder(const AttentionProblem& problem, const AttentionPoint& point, HessianForm form)
      : inputs_(problem, point),
        form_(form),
        kernels_(tile_kernels<Real>(instruction_set())),
        queries_(inputs_.data.queries),
        mixed_(inputs_.at.mixed),
        residual_(inputs_.at.residual) {}

  void add(std::span<const AttentionTile> tiles, PanelMatrix<double>& xx, PanelMatrix<double>& xy_t,
           PanelMatrix<double>& xy_c) const;

 private:
  // The left factor a_j ⊗ b_j of rows from `begin` on.
  auto kronecker_rows(Index begin, const Operand<Real>& b) const {
    return [this, begin, &b](Index row, Index rows, Index first, Index count, Real* out) {
      kernels_.khatri_rao(rows, b.columns(), static_cast<Real>(inputs_.data.scale), queries_.row(begin + row),
                          queries_.columns(), b.row(begin + row), b.columns(), first, count, out,
                          sum_rows_of_task);
    };
  }
  auto packed_squares(Index begin) const {
    return [this, begin](Index row, Index rows, Index first, Index count, Real* out) {
      kernels_.khatri_rao_square(rows, static_cast<Real>(inputs_.data.scale * inputs_.data.scale),
                                 queries_.row(begin + row), queries_.columns(), first, count, out,
                                 sum_rows_of_task);
    };
  }

  BlockInputs<Real> inputs_;
  HessianForm form_;
  const TileKernels<Real>& kernels_;
  Operand<Real> queries_;
  Operand<Real> mixed_;
  Operand<Real> residual_;
};

template <class Real>
void RowAdder<Real>::add(std::span<const AttentionTile> tiles, PanelMatrix<double>& xx,
                         PanelMatrix<double>& xy_t, PanelMatrix<double>& xy_c) const {
  const Index limit = chunk_rows<Real>(inputs_.shape);
  for (std::size_t first = 0; first < tiles.size();) {
    std::size_t last = first + 1;
    const Index begin = tiles[first].queries.begin;
    while (last < tiles.size() && tiles[last].queries.end - begin <= limit) ++last;
    const auto chunk = tiles.subspan(first, last - first);
    RowBlocks<Real> blocks(inputs_.shape, form_, chunk.back().queries.end - begin);
    for_each_task(static_cast<Index>(chunk.size()), [&](Index i) {
      const AttentionTile& tile = chunk[static_cast<std::size_t>(i)];
      fill_row_blocks(inputs_, tile, form_, tile.queries.begin - begin, blocks);
    });
    std::vector<RowProduct<Real>> products;
    products.push_back({&xy_t, &blocks.k, kronecker_rows(begin, mixed_)});
    if (form_ == HessianForm::exact)
      products.push_back({&xy_c, &blocks.n, kronecker_rows(begin, residual_)});
    products.push_back({&xx, &blocks.m, packed_squares(begin)});
    add_all(products);
    first = last;
  }
}

template <class Real>
Index panel_width() {
  const TileKernels<Real>& kernels = tile_kernels<Real>(instruction_set());
  return kernels.lanes * kernels.most_vectors;
}

}  // namespace

AttentionSums::AttentionSums(const AttentionProblem& problem, const AttentionPoint& point, HessianForm form)
    : shape_(BlockShape::of(problem.data())) {
  const Index width = panel_width<double>();
  xx_ = PanelMatrix<double>(packed_size(shape_.d1), shape_.m_size(), width);
  xy_t_ = PanelMatrix<double>(shape_.d1 * shape_.d3, shape_.k_size(), width);
  if (form == HessianForm::exact)
    xy_c_ = PanelMatrix<double>(shape_.d1 * shape_.e, shape_.n_size(), width);
  RowAdder<double>(problem, point, form).add(problem.tiles(), xx_, xy_t_, xy_c_);
  if (problem.regulariser().is_weighted()) add_regulariser(problem.regulariser());
}

void AttentionSums::add_regulariser(const AttentionRegulariser& regulariser) {
  const Matrix term = transpose_product(regulariser.packed_u(), regulariser.packed_v());
  for (Index row = 0; row < term.rows(); ++row) {
    for (Index column = 0; column < term.cols(); ++column) xx_(row, column) += term(row, column);
  }
}

Matrix AttentionSums::xx_panel(Index a_prime) const {
  Matrix panel((shape_.d1 - a_prime) * shape_.d2, shape_.d2);
  Vector packed(shape_.m_size());
  for (Index a = a_prime; a < shape_.d1; ++a) {
    xx_.copy_row(packed_index(a, a_prime), 0, packed.size(), packed.data());
    unpack_symmetric(packed.data(), panel.middleRows((a - a_prime) * shape_.d2, shape_.d2));
  }
  return panel;
}

Matrix AttentionSums::xy_panel(Index a) const {
  Matrix panel(shape_.d2, shape_.d3 * shape_.e);
  for (Index b = 0; b < shape_.d2; ++b) {
    for (Index k = 0; k < shape_.d3; ++k)
      xy_t_.copy_row(a * shape_.d3 + k, b * shape_.e, shape_.e, panel.row(b).data() + k * shape_.e);
  }
  if (xy_c_.empty()) return panel;
  Matrix n(shape_.d2, shape_.d3);
  Vector sums(shape_.n_size());
  for (Index i = 0; i < shape_.e; ++i) {
    xy_c_.copy_row(a * shape_.e + i, 0, sums.size(), sums.data());
    if (shape_.symmetric) {
      unpack_symmetric(sums.data(), n);
    } else {
      n = ConstMatrixView(sums.data(), shape_.d2, shape_.d3);
    }
    for (Index b = 0; b < shape_.d2; ++b) {
      for (Index k = 0; k < shape_.d3; ++k) panel(b, k * shape_.e + i) += n(b, k);
    }
  }
  return panel;
}

}  // namespace attnewton
