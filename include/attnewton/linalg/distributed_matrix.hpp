// A dense matrix in block-cyclic distribution, filled by reducing panels to their owners.
#pragma once

#include <array>
#include <memory>

#include "attnewton/linalg/blas.hpp"
#include "attnewton/linalg/process_grid.hpp"

namespace attnewton {

/// Side of the square tiles in which matrices are dealt out; ScaLAPACK's Cholesky is fastest around it.
inline constexpr Index default_block = 64;

/// A matrix that no rank holds whole: each holds the tiles that BlockCyclicLayout gives it, column-major as
/// ScaLAPACK wants. For a symmetric matrix only the lower triangle is filled and read.
class DistributedMatrix {
 public:
  using Local = Eigen::MatrixXd;

  /// rows × columns zeros. Local (but every rank of the grid must make one before a collective call on it).
  DistributedMatrix(std::shared_ptr<const ProcessGrid> grid, Index rows, Index columns,
                    Index block = default_block);

  Index rows() const { return layout_.rows.length(); }
  Index columns() const { return layout_.columns.length(); }
  const BlockCyclicLayout& layout() const { return layout_; }
  const std::shared_ptr<const ProcessGrid>& grid() const { return grid_; }
  Local& local() { return local_; }
  const Local& local() const { return local_; }
  /// ScaLAPACK's array descriptor.
  const std::array<int, 9>& descriptor() const { return descriptor_; }

  /// Global row of local row i, global column of local column j. Local.
  Index global_row(Index i) const { return layout_.rows.global(i, grid_->row()); }
  Index global_column(Index j) const { return layout_.columns.global(j, grid_->column()); }

  void set_zero() { local_.setZero(); }

  /// Adds Σ over ranks of `panel` to the entries from (first_row, first_column) on: PanelReducer for one
  /// panel. Collective on the grid.
  void add_reduced_panel(Index first_row, Index first_column, const ConstMatrixRef& panel);

  /// Adds `shift` to the first `count` diagonal entries. Local.
  void add_to_diagonal(double shift, Index count);

  /// Mean of |diagonal entries| of a square matrix. Collective.
  double mean_abs_diagonal() const;

 private:
  std::shared_ptr<const ProcessGrid> grid_;
  BlockCyclicLayout layout_;
  Local local_;
  std::array<int, 9> descriptor_{};
};

/// H v for symmetric H given by its lower triangle, v and the result whole on every rank. Collective, O(n²/P)
/// flops.
Vector symmetric_multiply(const DistributedMatrix& h, const Vector& v);

/// Lower triangle of C −= Z Zᵀ (C n × n, Z n × k, same grid and block; ScaLAPACK pdsyrk). Collective, n²k
/// flops.
void subtract_outer_product(DistributedMatrix& c, const DistributedMatrix& z);

}  // namespace attnewton
