#include "attnewton/problems/regression_bounds.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <span>

#include "attnewton/problems/score_spectrum.hpp"

namespace attnewton {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

double squared_norm_of(const Matrix& a, Index i) {
  return a.row(i).squaredNorm();
}

double squared_norm_of(const SparseRows& a, Index i) {
  const Range entries = a.entries_of(i);
  double sum = 0;
  for (Index k = entries.begin; k < entries.end; ++k) sum += a.value(k) * a.value(k);
  return sum;
}

Vector squared_row_norms(const RowMatrix& a) {
  Vector squares(a.rows());
  for (Index i = 0; i < a.rows(); ++i)
    squares[i] = a.is_sparse() ? squared_norm_of(a.sparse(), i) : squared_norm_of(a.dense(), i);
  return squares;
}

double largest_of(const Communicator& comm, const Vector& values) {
  return comm.max(values.size() > 0 ? values.maxCoeff() : -infinity);
}

bool has_exponential_bounds(const LinkFunction& link) {
  return link.kind == Link::exp || link.kind == Link::cosh || link.kind == Link::sinh;
}

}  // namespace

RegressionNorms regression_norms(const RegressionProblem& problem, double smallest_singular,
                                 double spectral_norm) {
  const Communicator& comm = problem.comm();
  const RowMatrix& a = problem.data().a;
  const Vector& b = problem.data().target;
  RegressionNorms norms;
  norms.rows = comm.sum(a.rows());
  norms.spectral = spectral_norm;
  norms.smallest_singular = smallest_singular;
  Vector mean = a.transpose_times(Vector::Ones(a.rows())) / static_cast<double>(norms.rows);
  comm.sum(std::span<double>(mean.data(), static_cast<std::size_t>(mean.size())));
  const Vector squares = squared_row_norms(a);
  // ‖a − ā‖² from three numbers, with what their rounding may hide added.
  const double rounding = 16 * std::numeric_limits<double>::epsilon();
  const Vector centred =
      squares.array() * (1 + rounding) + mean.squaredNorm() * (1 + rounding) - 2 * a.times(mean).array();
  norms.row_norms = squares.cwiseSqrt();
  norms.largest_row = largest_of(comm, norms.row_norms);
  norms.row_radius = std::sqrt(std::max(0.0, largest_of(comm, centred)));
  std::array sums{b.squaredNorm(), b.lpNorm<1>()};
  comm.sum(std::span<double>(sums));
  norms.target = std::sqrt(sums[0]);
  norms.target_sum = sums[1];
  norms.target_most = largest_of(comm, b);
  norms.target_least = -largest_of(comm, -b);
  return norms;
}

CurvatureBounds measured_curvature(const RegressionProblem& problem, const RegressionPoint& point) {
  const RegressionOptions& options = problem.options();
  const LinkValues link = evaluate_link(options.link, point.scores.array() - point.shift);
  const ScoreCurvature curvature =
      curvature_by_scores(options.normalisation, HessianForm::exact, {link, problem.data().target}, point.at);
  const ScoreSpectrum spectrum = extreme_score_curvature(problem.comm(), curvature);
  return {-spectrum.smallest, spectrum.largest};
}

double softmax_residual_spread(const RegressionNorms& norms) {
  return 1 + norms.target_most - norms.target_least;
}

std::optional<CurvatureBounds> closed_form_curvature(const RegressionProblem& problem,
                                                     const RegressionNorms& norms, double radius,
                                                     double residual_norm) {
  const RegressionOptions& options = problem.options();
  if (options.normalisation == Normalisation::softmax && options.link.kind == Link::exp) {
    const double second = 0.2735 * softmax_residual_spread(norms);
    return CurvatureBounds{second, 0.25 + second};
  }
  if (options.normalisation != Normalisation::rescaled || !has_exponential_bounds(options.link))
    return std::nullopt;
  const double e = std::exp(radius * radius);
  const double beta = norms.target;
  const auto n = static_cast<double>(norms.rows);
  const double along = 1 + beta * std::sqrt(n);
  return CurvatureBounds{residual_norm > 0 ? e * (1 + beta) * residual_norm : 0,
                         e * e * (along * along + (1 + beta) * (std::sqrt(n) + beta * n))};
}

WeightThresholds weight_thresholds(const CurvatureBounds& bounds, double wanted_l, double epsilon,
                                   double smallest_singular, double ridge) {
  const double missing = std::max(0.0, wanted_l - ridge);
  const double lift = missing > 0 ? missing / (smallest_singular * smallest_singular) : 0;
  return {std::max(0.0, bounds.low + lift),
          std::max({0.0, bounds.high * (1 - epsilon) / epsilon, bounds.low * (1 + epsilon) / epsilon})};
}

}  // namespace attnewton
