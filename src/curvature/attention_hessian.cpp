#include "attnewton/curvature/attention_hessian.hpp"

#include "attnewton/core/error.hpp"
#include "attnewton/core/timing.hpp"
#include "attnewton/curvature/attention_sums.hpp"

namespace attnewton {
namespace {

// H_xx with its regulariser, into the leading d₁d₂ rows and columns of h.
void add_xx(const AttentionSums& sums, double ridge, DistributedMatrix& h) {
  const BlockShape& shape = sums.shape();
  for (Index a = 0; a < shape.d1; ++a) {
    Matrix panel = sums.xx_panel(a);
    // λ once in all: every rank adds its term of the panel.
    if (h.grid()->comm().is_root()) panel.topRows(shape.d2).diagonal().array() += ridge;
    h.add_reduced_panel(a * shape.d2, a * shape.d2, panel);
  }
}

// h −= H_xy (K_y⁻¹ ⊗ I) H_yx, as Z Zᵀ with Z = H_xy (L⁻ᵀ ⊗ I), K_y = L Lᵀ: each rank solves with L before the
// reduction.
void eliminate_y(const AttentionSums& sums, const Matrix& factor_y, DistributedMatrix& h) {
  const BlockShape& shape = sums.shape();
  DistributedMatrix z(h.grid(), h.rows(), shape.d3 * shape.e, h.layout().rows.block());
  const auto lower = factor_y.triangularView<Eigen::Lower>();
  for (Index a = 0; a < shape.d1; ++a) {
    Matrix panel = sums.xy_panel(a);
    for (Index b = 0; b < shape.d2; ++b) {
      MatrixView row(panel.row(b).data(), shape.d3, shape.e);
      lower.solveInPlace(row);
    }
    z.add_reduced_panel(a * shape.d2, 0, panel);
  }
  subtract_outer_product(h, z);
}

// H_yx and H_yy = K_y ⊗ I below H_xx.
void add_y_rows(const AttentionSums& sums, const Matrix& gram_y, DistributedMatrix& h) {
  const BlockShape& shape = sums.shape();
  const Index x_unknowns = shape.d1 * shape.d2;
  for (Index a = 0; a < shape.d1; ++a) {
    const Matrix transposed = sums.xy_panel(a).transpose();
    h.add_reduced_panel(x_unknowns, a * shape.d2, transposed);
  }
  for (Index j = 0; j < h.local().cols(); ++j) {
    const Index column = h.global_column(j) - x_unknowns;
    if (column < 0) continue;
    for (Index i = 0; i < h.local().rows(); ++i) {
      const Index row = h.global_row(i) - x_unknowns;
      if (row >= column && row % shape.e == column % shape.e) {
        h.local()(i, j) += gram_y(row / shape.e, column / shape.e);
      }
    }
  }
}

}  // namespace

void AttentionHessian::assemble(const Point& base, DistributedMatrix& h) const {
  const auto& point = static_cast<const AttentionPoint&>(base);
  require(h.rows() == problem_.unknowns() && h.columns() == problem_.unknowns(),
          "AttentionHessian::assemble: h is unknowns × unknowns");
  h.set_zero();
  const AttentionSums sums = [&] {
    const TimingScope timing("sums over rows");
    return AttentionSums(problem_, point, form_);
  }();
  {
    const TimingScope timing("reduction");
    add_xx(sums, problem_.regulariser().ridge(), h);
  }
  const TimingScope timing(problem_.variables() == AttentionVariables::projected ? "elimination of Y"
                                                                                 : "rows of Y");
  if (problem_.variables() == AttentionVariables::projected) {
    eliminate_y(sums, point.factor_y, h);
  } else {
    add_y_rows(sums, problem_.gram_y(point), h);
  }
}

}  // namespace attnewton
