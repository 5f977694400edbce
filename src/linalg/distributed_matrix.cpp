#include "attnewton/linalg/distributed_matrix.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "attnewton/core/error.hpp"
#include "attnewton/linalg/panel_reducer.hpp"

#include "scalapack.hpp"
#include "scalapack_threads.hpp"

namespace attnewton {
namespace {

int scalapack_int(Index value) {
  require(value <= std::numeric_limits<int>::max(), "a dimension given to ScaLAPACK fits an int");
  return static_cast<int>(value);
}

}  // namespace

DistributedMatrix::DistributedMatrix(std::shared_ptr<const ProcessGrid> grid, Index rows, Index columns,
                                     Index block)
    : grid_(std::move(grid)), layout_(rows, columns, block, grid_->shape()) {
  local_ = Local::Zero(layout_.local_rows(grid_->row()), layout_.local_columns(grid_->column()));
  const int m = scalapack_int(rows);
  const int n = scalapack_int(columns);
  const int nb = scalapack_int(block);
  const int zero = 0;
  const int context = grid_->blacs_context();
  const int leading = std::max(1, scalapack_int(local_.rows()));
  int info = 0;
  descinit_(descriptor_.data(), &m, &n, &nb, &nb, &zero, &zero, &context, &leading, &info);
  require(info == 0, "descinit accepts the layout");
}

void DistributedMatrix::add_reduced_panel(Index first_row, Index first_column, const ConstMatrixRef& panel) {
  PanelReducer reducer(*this);
  reducer.add(first_row, first_column, panel);
  reducer.finish();
}

void DistributedMatrix::add_to_diagonal(double shift, Index count) {
  require(count <= rows() && count <= columns(), "add_to_diagonal: count is within the diagonal");
  for (Index j = 0; j < local_.cols(); ++j) {
    const Index global = global_column(j);
    if (global < count && layout_.rows.owner(global) == grid_->row())
      local_(layout_.rows.local(global), j) += shift;
  }
}

double DistributedMatrix::mean_abs_diagonal() const {
  require(rows() == columns() && rows() > 0, "mean_abs_diagonal: a square matrix");
  double sum = 0;
  for (Index j = 0; j < local_.cols(); ++j) {
    const Index global = global_column(j);
    if (layout_.rows.owner(global) == grid_->row()) sum += std::abs(local_(layout_.rows.local(global), j));
  }
  return grid_->comm().sum(sum) / static_cast<double>(rows());
}

Vector symmetric_multiply(const DistributedMatrix& h, const Vector& v) {
  require(h.rows() == h.columns() && v.size() == h.rows(), "symmetric_multiply: shapes fit");
  const Index block = h.layout().rows.block();
  Vector product = Vector::Zero(v.size());
  for (Index j = 0; j < h.local().cols(); j += block) {
    const Index columns = std::min(block, h.local().cols() - j);
    const Index column = h.global_column(j);
    for (Index i = 0; i < h.local().rows(); i += block) {
      const Index rows = std::min(block, h.local().rows() - i);
      const Index row = h.global_row(i);
      if (row < column) continue;
      const auto tile = h.local().block(i, j, rows, columns);
      if (row == column) {
        product.segment(row, rows).noalias() += tile.selfadjointView<Eigen::Lower>() * v.segment(row, rows);
      } else {
        product.segment(row, rows).noalias() += tile * v.segment(column, columns);
        product.segment(column, columns).noalias() += tile.transpose() * v.segment(row, rows);
      }
    }
  }
  h.grid()->comm().sum(std::span<double>(product.data(), static_cast<std::size_t>(product.size())));
  return product;
}

void subtract_outer_product(DistributedMatrix& c, const DistributedMatrix& z) {
  require(c.rows() == c.columns() && z.rows() == c.rows(), "subtract_outer_product: shapes fit");
  require(c.grid() == z.grid() && c.layout().rows.block() == z.layout().rows.block(),
          "subtract_outer_product: same grid and block");
  const int n = scalapack_int(c.rows());
  const int k = scalapack_int(z.columns());
  if (n == 0 || k == 0) return;
  const BlasThreads threads(scalapack_threads(c));
  const int one = 1;
  const double minus = -1;
  const double plus = 1;
  pdsyrk_("L", "N", &n, &k, &minus, z.local().data(), &one, &one, z.descriptor().data(), &plus,
          c.local().data(), &one, &one, c.descriptor().data());
}

}  // namespace attnewton
