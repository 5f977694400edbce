// Gradient and Hessian–vector product of multiple softmax regressions, from the streamed passes.
#include <span>

#include "attnewton/linalg/blas.hpp"
#include "attnewton/parallel/deterministic.hpp"
#include "attnewton/problems/multi_softmax.hpp"

namespace attnewton {

// Calls f(tile) for every tile, ready for derivatives at the point.
template <class F>
void MultiSoftmaxProblem::for_each_tile(const MultiSoftmaxPoint& point, F&& f) const {
  const MultiSoftmaxInputs inputs = inputs_at(point.x);
  for_each_task(static_cast<Index>(tiles_.size()), [&](Index i) {
    MultiSoftmaxTile tile(inputs, tiles_[static_cast<std::size_t>(i)]);
    tile.read(point.rows);
    f(tile);
  });
}

Vector MultiSoftmaxProblem::gradient(const Point& base) const {
  const auto& point = static_cast<const MultiSoftmaxPoint&>(base);
  Matrix made;
  if (point.pulled_back.cols() == 0) {
    made.resize(data_.queries.rows(), data_.keys.cols());
    for_each_tile(point, [&](MultiSoftmaxTile& tile) { tile.pull_back(made); });
  }
  const Matrix& pulled_back = point.pulled_back.cols() == 0 ? made : point.pulled_back;
  Matrix gradient = data_.scale * transpose_product(data_.queries, pulled_back);
  comm_.sum(gradient);
  gradient += regulariser_times(point.x);
  comm_.broadcast(std::span<double>(gradient.data(), static_cast<std::size_t>(gradient.size())));
  return Eigen::Map<const Vector>(gradient.data(), gradient.size());
}

void MultiSoftmaxProblem::project(const MultiSoftmaxPoint& point) const {
  point.direction.resize(data_.queries.rows(), data_.keys.cols());
  point.mixed.resize(data_.queries.rows(), data_.keys.cols());
  for_each_tile(point, [&](MultiSoftmaxTile& tile) { tile.project(point.direction, point.mixed); });
}

// Row j of what A₁ᵀ pulls back: A₂ᵀ(δ∘z) + (κ⟨g̃,z⟩ − ⟨s,z⟩) A₂ᵀg̃ − ⟨g̃,z⟩ A₂ᵀs with z = A₂ y_j, so that
// ⟨g̃,z⟩ = ⟨A₂ᵀg̃, y_j⟩.
Vector MultiSoftmaxProblem::hessian_vector(const Point& base, const Vector& v) const {
  const auto& point = static_cast<const MultiSoftmaxPoint&>(base);
  const Matrix dx = matrix_of(v);
  const Matrix along = product_by_rows(data_.queries, data_.scale * dx);
  Matrix change(along.rows(), along.cols());
  for_each_tile(point, [&](MultiSoftmaxTile& tile) { tile.multiply_diagonal(along, change); });
  if (is_normalised()) {
    if (point.direction.cols() == 0) project(point);
    for (Index j = 0; j < change.rows(); ++j) {
      const double by_direction = point.direction.row(j).dot(along.row(j));
      const double by_mixed = point.mixed.row(j).dot(along.row(j));
      change.row(j) += (point.rows.kappa[j] * by_direction - by_mixed) * point.direction.row(j) -
                       by_direction * point.mixed.row(j);
    }
  }
  Matrix product = data_.scale * transpose_product(data_.queries, change);
  comm_.sum(product);
  product += regulariser_times(dx);
  return Eigen::Map<const Vector>(product.data(), product.size());
}

}  // namespace attnewton
