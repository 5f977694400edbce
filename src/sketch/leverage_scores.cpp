#include "attnewton/sketch/leverage_scores.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "attnewton/core/error.hpp"
#include "attnewton/linalg/distributed_qr.hpp"
#include "attnewton/random/stream.hpp"
#include "attnewton/sketch/count_sketch.hpp"

namespace attnewton {
namespace {

// Nonzeros in a column of the embedding, and the rows it has for each column of A: a distortion of about ½
// for any matrix.
constexpr Index nonzeros = 8;
constexpr Index rows_a_column = 4;
constexpr Index fewest_block_rows = 8;

// Columns of G are this times ln n, and at least so many.
constexpr double columns_a_logarithm = 2;
constexpr Index fewest_probes = 16;

CountSketch embedding(Index columns, const LeverageOptions& options) {
  const Index block_rows = std::max(fewest_block_rows, (rows_a_column * columns + nonzeros - 1) / nonzeros);
  return {block_rows, nonzeros, options.seed, options.iteration};
}

// Takes S diag(scale) left rightᵀ off the sketch.
void subtract_term(const CountSketch& sketch, const WeightedRows& rows, const Vector& scale,
                   DistributedMatrix& sketched) {
  const RowMatrix left{Matrix(rows.left)};
  Matrix sum = sketch.product(left, scale, rows.first_row, {0, 1});
  sketched.grid()->comm().sum(sum);
  for (Index j = 0; j < sketched.local().cols(); ++j) {
    const double factor = rows.right[sketched.global_column(j)];
    for (Index i = 0; i < sketched.local().rows(); ++i) {
      const Index row = sketched.global_row(i);
      if (row < sketch.rows()) sketched.local()(i, j) -= factor * sum(row, 0);
    }
  }
}

// Norms of the columns, 1 instead of 0. Collective.
Vector column_norms(const DistributedMatrix& m) {
  Vector squares = Vector::Zero(m.columns());
  for (Index j = 0; j < m.local().cols(); ++j) squares[m.global_column(j)] += m.local().col(j).squaredNorm();
  m.grid()->comm().sum(std::span<double>(squares.data(), static_cast<std::size_t>(squares.size())));
  return squares.unaryExpr([](double square) { return square > 0 ? std::sqrt(square) : 1.0; });
}

// Columns to norm 1; then the ridge's rows, from `first_row` on.
void scale_and_append_ridge(DistributedMatrix& m, const Vector& norms, Index first_row, double ridge) {
  const double least = std::sqrt(std::numeric_limits<double>::epsilon());
  const CyclicDimension& rows = m.layout().rows;
  for (Index j = 0; j < m.local().cols(); ++j) {
    const Index column = m.global_column(j);
    m.local().col(j) /= norms[column];
    if (rows.owner(first_row + column) == m.grid()->row())
      m.local()(rows.local(first_row + column), j) = std::max(least, std::sqrt(ridge) / norms[column]);
  }
}

// G / √k of k = 2 ln n columns or some more, the same on every rank; the identity, which estimates nothing,
// where it has no more columns than that.
Matrix probes_for(Index columns, double all_rows, const LeverageOptions& options) {
  const double logarithm = std::log(std::max(all_rows, 1.0));
  const Index wanted =
      std::max(fewest_probes, static_cast<Index>(std::ceil(columns_a_logarithm * logarithm)));
  if (columns <= wanted) return Matrix::Identity(columns, columns);
  const RandomStream stream(options.seed, RandomPurpose::leverage,
                            static_cast<std::uint64_t>(options.iteration));
  return stream.normal_rows({0, columns}, wanted) / std::sqrt(static_cast<double>(wanted));
}

}  // namespace

Vector approximate_leverage_scores(const std::shared_ptr<const ProcessGrid>& grid, const WeightedRows& rows,
                                   const LeverageOptions& options) {
  require(rows.weights.size() == rows.a.rows(), "leverage scores: a weight a row");
  require(
      rows.right.size() == 0 || (rows.right.size() == rows.a.columns() && rows.left.size() == rows.a.rows()),
      "leverage scores: left has an entry a row, right one a column");
  const Index columns = rows.a.columns();
  // Scores do not depend on the unit of D and λ; squares of large weights must not overflow.
  const double unit = grid->comm().max(rows.weights.size() > 0 ? rows.weights.maxCoeff() : 0.0);
  if (unit == 0) return Vector::Zero(rows.a.rows());
  const Vector weights = rows.weights / unit;
  const CountSketch sketch = embedding(columns, options);
  DistributedMatrix sketched(grid, sketch.rows() + columns, columns);
  const Vector scale = weights.cwiseSqrt();
  add_sketch(sketch, rows.a, scale, rows.first_row, sketched);
  if (rows.right.size() > 0) subtract_term(sketch, rows, scale, sketched);
  const Vector norms = column_norms(sketched);
  scale_and_append_ridge(sketched, norms, sketch.rows(), options.ridge / unit);
  const DistributedQr qr(std::move(sketched));

  const auto all_rows = static_cast<double>(grid->comm().sum(rows.a.rows()));
  Matrix probes = qr.solve_r(probes_for(columns, all_rows, options));
  probes.array().colwise() /= norms.array();
  Matrix product = rows.a.times_columns(probes);
  if (rows.right.size() > 0) product -= rows.left * (rows.right.transpose() * probes);
  return weights.cwiseProduct(product.rowwise().squaredNorm());
}

}  // namespace attnewton
