// Gradient and Hessian–vector product of the attention problem, a tile at a time (MATHEMATICS §1).
#include <span>

#include "attnewton/core/error.hpp"
#include "attnewton/parallel/deterministic.hpp"
#include "attnewton/problems/attention.hpp"
#include "attnewton/problems/attention_tile.hpp"

namespace attnewton {
namespace {

using RowSums = Eigen::ArrayXd;

RowSums row_sums(const Matrix& a) {
  return a.rowwise().sum().array();
}

// J·V = F∘V − F∘(rowsum(F∘V) 1ᵀ), row-wise.
Matrix softmax_jacobian_times(const Matrix& f, const Matrix& v) {
  Matrix product = f.cwiseProduct(v);
  const RowSums sums = row_sums(product);
  product.array() -= f.array().colwise() * sums;
  return product;
}

}  // namespace

Vector AttentionProblem::gradient(const Point& base) const {
  const auto& point = static_cast<const AttentionPoint&>(base);
  const Matrix outputs = product_by_rows(data_.values(), point.y);  // A₃Y
  Matrix pulled_back(data_.queries.rows(), data_.key_width());      // P A₂
  for_each_task(static_cast<Index>(tiles_.size()), [&](Index i) {
    const AttentionTile& tile = tiles_[static_cast<std::size_t>(i)];
    const Matrix f = tile_softmax(data_, tile, point.x);
    Matrix g(f.rows(), f.cols());
    multiply_by_transpose(1, query_rows(point.residual, tile), key_rows(outputs, tile), g);
    multiply(softmax_jacobian_times(f, g), key_rows(data_.keys, tile), query_rows(pulled_back, tile));
  });
  Matrix gradient_x = data_.scale * transpose_product(data_.queries, pulled_back);
  comm_.sum(gradient_x);
  gradient_x += regulariser_.times_x(point.x);

  Matrix gradient_y;
  if (variables_ == AttentionVariables::joint) {
    gradient_y = transpose_product(point.mixed, point.residual);
    comm_.sum(gradient_y);
    gradient_y += regulariser_.gram_y() * point.y;
  }
  Vector gradient = theta_of(gradient_x, gradient_y);
  comm_.broadcast(std::span<double>(gradient.data(), static_cast<std::size_t>(gradient.size())));
  return gradient;
}

AttentionProblem::Direction AttentionProblem::hessian_times(const AttentionPoint& point, const Matrix& dx,
                                                            const Matrix& dy) const {
  const Matrix outputs = product_by_rows(data_.values(), point.y);  // A₃Y
  const Matrix d_outputs = product_by_rows(data_.values(), dy);     // dh = A₃Y′
  const Index n = data_.queries.rows();
  Matrix d_pulled_back(n, data_.key_width());  // dP A₂
  Matrix d_mixed(n, data_.value_width());      // dT = dF A₃
  Matrix d_residual(n, data_.output_width());  // dC = dT Y + T Y′
  for_each_task(static_cast<Index>(tiles_.size()), [&](Index i) {
    const AttentionTile& tile = tiles_[static_cast<std::size_t>(i)];
    const Matrix f = tile_softmax(data_, tile, point.x);
    const Matrix df = softmax_jacobian_times(f, tile_logits(data_, tile, dx));
    const auto c = query_rows(point.residual, tile);
    const auto keys = key_rows(data_.keys, tile);

    auto dt = query_rows(d_mixed, tile);
    auto dc = query_rows(d_residual, tile);
    multiply(df, key_rows(data_.values(), tile), dt);
    multiply(dt, point.y, dc);
    gemm(Transpose::no, Transpose::no, 1, query_rows(point.mixed, tile), dy, 1, dc);

    Matrix g(f.rows(), f.cols());
    multiply_by_transpose(1, c, key_rows(outputs, tile), g);
    Matrix dg(f.rows(), f.cols());
    multiply_by_transpose(1, dc, key_rows(outputs, tile), dg);
    gemm(Transpose::no, Transpose::yes, 1, c, key_rows(d_outputs, tile), 1, dg);

    const Matrix f_g = f.cwiseProduct(g);
    const Matrix df_g = df.cwiseProduct(g);
    Matrix dp = softmax_jacobian_times(f, dg) + df_g;
    dp.array() -= df.array().colwise() * row_sums(f_g);
    dp.array() -= f.array().colwise() * row_sums(df_g);
    multiply(dp, keys, query_rows(d_pulled_back, tile));
  });

  Direction product;
  product.x = data_.scale * transpose_product(data_.queries, d_pulled_back);
  product.y = transpose_product(d_mixed, point.residual) + transpose_product(point.mixed, d_residual);
  comm_.sum(product.x);
  comm_.sum(product.y);
  product.x += regulariser_.times_x(dx);
  product.y += regulariser_.gram_y() * dy;
  return product;
}

}  // namespace attnewton
