// Gradient and Hessian–vector product of the attention problem, from the streamed passes (MATHEMATICS §1).
#include <span>

#include "attnewton/problems/attention.hpp"

#include "attention_linear_solve.hpp"

namespace attnewton {

Matrix AttentionProblem::pulled_back(const AttentionPoint& point) const {
  return with_stream(point.values,
                     [&](const auto& stream) { return stream.back(point.x, point.y, point.at); });
}

Vector AttentionProblem::gradient(const Point& base) const {
  const auto& point = static_cast<const AttentionPoint&>(base);
  Matrix gradient_x = point.at.pulled_back.cols() > 0 ? transpose_product(data_.queries, point.at.pulled_back)
                                                      : transpose_product(data_.queries, pulled_back(point));
  gradient_x *= data_.scale;
  comm_.sum(gradient_x);
  gradient_x += regulariser_.times_x(point.x);

  Matrix gradient_y;
  if (variables_ == AttentionVariables::joint) {
    gradient_y = transpose_product(point.at.mixed, point.at.residual);
    comm_.sum(gradient_y);
    gradient_y += regulariser_.gram_y() * point.y;
  }
  Vector gradient = theta_of(gradient_x, gradient_y);
  comm_.broadcast(std::span<double>(gradient.data(), static_cast<std::size_t>(gradient.size())));
  return gradient;
}

Vector AttentionProblem::hessian_vector(const Point& base, const Vector& v) const {
  const auto& point = static_cast<const AttentionPoint&>(base);
  const Matrix dx = x_of(v);
  if (variables_ == AttentionVariables::joint) {
    const Matrix dy = y_of(v);
    const AttentionDirection d = with_stream(point.curvature(), [&](const auto& stream) {
      return stream.direction_and_back(point.x, point.y, point.at, dx, dy);
    });
    return theta_of(hessian_x_times(d, dx), hessian_y_times(point, d, dy));
  }
  // Y follows X: K_y Y′ = −H_yx v, so that H_xx v + H_xy Y′ is the Schur complement times v.
  const Matrix no_change = Matrix::Zero(data_.value_width(), data_.output_width());
  AttentionDirection d = with_stream(point.curvature(), [&](const auto& stream) {
    return stream.direction(point.x, point.y, point.at, dx, no_change);
  });
  const Matrix dy = -solve_with_factor(point.factor_y, hessian_y_times(point, d, no_change));
  d.residual += product_by_rows(point.at.mixed, dy);
  with_stream(point.curvature(),
              [&](const auto& stream) { stream.direction_back(point.x, point.y, point.at, dx, dy, d); });
  return theta_of(hessian_x_times(d, dx), dy);
}

// The x part of H (X′, Y′): scale·A₁ᵀ dP A₂ and the regulariser's.
Matrix AttentionProblem::hessian_x_times(const AttentionDirection& d, const Matrix& dx) const {
  Matrix product = data_.scale * transpose_product(data_.queries, d.pulled_back);
  comm_.sum(product);
  return product + regulariser_.times_x(dx);
}

// The y part of H (X′, Y′): dTᵀC + TᵀdC and the regulariser's.
Matrix AttentionProblem::hessian_y_times(const AttentionPoint& point, const AttentionDirection& d,
                                         const Matrix& dy) const {
  Matrix product =
      transpose_product(d.mixed, point.at.residual) + transpose_product(point.at.mixed, d.residual);
  comm_.sum(product);
  return product + regulariser_.gram_y() * dy;
}

}  // namespace attnewton
