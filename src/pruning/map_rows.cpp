#include "map_rows.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "attnewton/kernels/exp.hpp"

namespace attnewton {
namespace {

using Row = Eigen::Map<Eigen::ArrayXd>;
using ConstRow = Eigen::Map<const Eigen::ArrayXd>;

void exponentials(double* s, Index count) {
  const auto size = static_cast<std::size_t>(count);
  exponential(std::span<const double>(s, size), std::span<double>(s, size));
}

}  // namespace

double softmax_row(double* s, Index visible, Index count) {
  Row row(s, visible);
  const double maximum = row.maxCoeff();
  std::fill(s + visible, s + count, 0.0);
  if (!std::isfinite(maximum)) {
    row.setZero();
    return std::numeric_limits<double>::quiet_NaN();
  }
  row -= maximum;
  exponentials(s, visible);
  const double sum = row.sum();
  row *= 1 / sum;
  return maximum + std::log(sum);
}

void probabilities_row(double* s, Index visible, Index count, double log_sum) {
  Row(s, visible) -= log_sum;
  exponentials(s, visible);
  std::fill(s + visible, s + count, 0.0);
}

double squared_distance(const double* f, const double* e, Index count) {
  return (ConstRow(f, count) - ConstRow(e, count)).square().sum();
}

double residual_by_jacobian(const double* f, const double* e, Index count, double* p) {
  const ConstRow probability(f, count);
  Row result(p, count);
  result = probability - ConstRow(e, count);
  const double squared = result.square().sum();
  const double mean = (probability * result).sum();
  result = probability * (result - mean);
  return squared;
}

void gauss_newton_by_jacobian(const double* f, Index count, double* d) {
  const ConstRow probability(f, count);
  Row direction(d, count);
  const double mean = (probability * direction).sum();
  direction = probability * (direction - mean);
  const double second_mean = (probability * direction).sum();
  direction = probability * (direction - second_mean);
}

void residual_derivative(const double* f, const double* e, Index count, double* d, double* p) {
  const ConstRow probability(f, count);
  const ConstRow target(e, count);
  Row direction(d, count);
  const double direction_mean = (probability * direction).sum();
  const double mean = (probability * (probability - target)).sum();
  direction = probability * (direction - direction_mean);
  const double d_mean = (direction * (2 * probability - target)).sum();
  if (p != nullptr) Row(p, count) = probability * (probability - target - mean);
  direction = direction * (probability - target - mean) + probability * (direction - d_mean);
}

RowMoments moments_of_row(const double* f, Index count, double* squares) {
  const ConstRow probability(f, count);
  Row square(squares, count);
  square = probability.square();
  const double sum = square.sum();
  return {sum, sum - 2 * (square * probability).sum() + sum * sum};
}

}  // namespace attnewton
