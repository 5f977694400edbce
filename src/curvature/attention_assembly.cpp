#include "attention_assembly.hpp"

#include <algorithm>
#include <optional>

#include "attnewton/core/error.hpp"
#include "attnewton/core/timing.hpp"
#include "attnewton/curvature/attention_sums.hpp"
#include "attnewton/linalg/panel_reducer.hpp"
#include "attnewton/parallel/deterministic.hpp"

#include "attention_y_block.hpp"

namespace attnewton {
namespace {

// Block row a of Z = H_xy (L⁻ᵀ ⊗ I) with K_y = L Lᵀ, so that H_xy (K_y⁻¹ ⊗ I) H_yx = Z Zᵀ, from that of H_xy
// as AttentionSums::xy_block() gives it: each rank solves with L before the sum over ranks.
Matrix z_row(const BlockShape& shape, const Matrix& factor_y, Matrix xy_block) {
  Matrix row(shape.d2, shape.d3 * shape.e);
  constexpr Index rows_at_once = 16;
  for_each_task((shape.d2 + rows_at_once - 1) / rows_at_once, [&](Index task) {
    const Index first = task * rows_at_once;
    const Index count = std::min(rows_at_once, shape.d2 - first);
    auto columns = xy_block.middleCols(first * shape.e, count * shape.e);
    solve_lower(factor_y, columns);
    for (Index b = 0; b < count; ++b) {
      for (Index k = 0; k < shape.d3; ++k)
        row.row(first + b).segment(k * shape.e, shape.e) = columns.row(k).segment(b * shape.e, shape.e);
    }
  });
  return row;
}

// Block column a of H_yx from the same.
Matrix yx_column(const BlockShape& shape, const Matrix& xy_block) {
  Matrix column(shape.d3 * shape.e, shape.d2);
  for_each_task(shape.d3, [&](Index k) {
    column.middleRows(k * shape.e, shape.e) =
        ConstMatrixView(xy_block.row(k).data(), shape.d2, shape.e).transpose();
  });
  return column;
}

// The sums over rows of this rank, and their way into the distributed matrices: block rows are on their way
// to their owners while the next ones are being added up.
class Assembly {
 public:
  Assembly(const AttentionProblem& problem, const AttentionPoint& point, const AttentionRows& rows,
           HessianForm form, const YBlock& y, DistributedMatrix& h)
      : problem_(problem), y_(y), h_(h), sums_(problem, point, rows, form), into_h_(h) {
    if (problem.variables() == AttentionVariables::projected) {
      const BlockShape& shape = sums_.shape();
      z_.emplace(h.grid(), h.rows(), shape.d3 * shape.e, h.layout().rows.block());
      into_z_.emplace(*z_);
    }
  }

  void add_up() {
    sums_.add_up([this](Range rows) {
      const TimingScope timing("reduction");
      for (Index a = rows.begin; a < rows.end; ++a) reduce_row(a);
    });
    const TimingScope timing("reduction");
    into_h_.finish();
    if (into_z_) into_z_->finish();
    h_.add_to_diagonal(problem_.regulariser().ridge(), problem_.unknowns_x());
  }

  void finish_y() {
    if (z_) {
      subtract_outer_product(h_, *z_);
    } else {
      add_y_block(y_.gram, sums_.shape().e, problem_.unknowns_x(), h_);
    }
  }

 private:
  void reduce_row(Index a) {
    const BlockShape& shape = sums_.shape();
    into_h_.add(a * shape.d2, 0, sums_.xx_row(a));
    if (into_z_) {
      into_z_->add(a * shape.d2, 0, z_row(shape, y_.factor, sums_.xy_block(a)));
    } else {
      into_h_.add(problem_.unknowns_x(), a * shape.d2, yx_column(shape, sums_.xy_block(a)));
    }
  }

  const AttentionProblem& problem_;
  YBlock y_;
  DistributedMatrix& h_;
  AttentionSums sums_;
  PanelReducer into_h_;
  std::optional<DistributedMatrix> z_;
  std::optional<PanelReducer> into_z_;
};

}  // namespace

void assemble_attention_hessian(const AttentionProblem& problem, const AttentionPoint& point,
                                const AttentionRows& rows, HessianForm form, const YBlock& y,
                                DistributedMatrix& h) {
  require(h.rows() == problem.unknowns() && h.columns() == problem.unknowns(),
          "assemble_attention_hessian: h is unknowns × unknowns");
  h.set_zero();
  Assembly assembly(problem, point, rows, form, y, h);
  {
    const TimingScope timing("sums over rows");
    assembly.add_up();
  }
  const TimingScope timing(problem.variables() == AttentionVariables::projected ? "elimination of Y"
                                                                                : "rows of Y");
  assembly.finish_y();
}

}  // namespace attnewton
