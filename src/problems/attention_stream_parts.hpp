// What the files that implement AttentionStream share. Internal to this module.
#pragma once

#include "attnewton/linalg/blas.hpp"
#include "attnewton/parallel/deterministic.hpp"
#include "attnewton/problems/attention_stream.hpp"
#include "attnewton/problems/attention_tile.hpp"

namespace attnewton {

template <class Real>
struct AttentionStream<Real>::Gradient {
  Gradient(const AttentionData& data, const Matrix& x, const Matrix& y)
      : scaled_x(data.scale * x),
        x_operand(scaled_x),
        outputs(product_by_rows(data.values(), y)),
        outputs_operand(outputs) {}
  Gradient(const Gradient&) = delete;
  Gradient& operator=(const Gradient&) = delete;

  Matrix scaled_x;
  Operand<Real> x_operand;
  Matrix outputs;  // A₃Y
  Operand<Real> outputs_operand;
};

template <class Real>
struct AttentionStream<Real>::Direction : Gradient {
  Direction(const AttentionData& data, const Matrix& x, const Matrix& y_of_point,
            const AttentionForward& at_x, const Matrix& dx, const Matrix& dy_of_direction)
      : Gradient(data, x, y_of_point),
        y(y_of_point),
        dy(dy_of_direction),
        at(at_x),
        scaled_dx(data.scale * dx),
        dx_operand(scaled_dx),
        changes_y(!dy.isZero(0)),
        through_values(changes_y && y.rows() < 2 * y.cols()),
        d_outputs(changes_y && !through_values ? product_by_rows(data.values(), dy) : Matrix()),
        d_outputs_operand(d_outputs),
        y_transposed(through_values ? y.transpose() : Matrix()),
        dy_transposed(through_values ? dy.transpose() : Matrix()) {}

  const Matrix& y;
  const Matrix& dy;
  const AttentionForward& at;
  Matrix scaled_dx;
  Operand<Real> dx_operand;
  bool changes_y;
  bool through_values;  // dG from A₃ and dC Yᵀ + C Y′ᵀ: one product of width d₃ in place of two of width e
  Matrix d_outputs;  // else: A₃Y′
  Operand<Real> d_outputs_operand;
  Matrix y_transposed;
  Matrix dy_transposed;
};

template <class Real>
template <class F>
void AttentionStream<Real>::for_each_tile(F&& f) const {
  for_each_task(static_cast<Index>(batches_.size()), [&](Index i) {
    const Range batch = batches_[static_cast<std::size_t>(i)];
    for (Index t = batch.begin; t < batch.end; ++t) {
      Pass pass(data_.queries, operands_, tiles_[static_cast<std::size_t>(t)]);
      f(pass);
    }
  });
}

}  // namespace attnewton
