#include "attnewton/problems/attention_bounds.hpp"

#include <algorithm>
#include <cmath>

#include <Eigen/Eigenvalues>

#include "attnewton/core/error.hpp"
#include "attnewton/linalg/blas.hpp"

namespace attnewton {
namespace {

double spectral_norm(const ConstMatrixRef& a) {
  const Matrix gram = transpose_product(a, a);
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(gram, Eigen::EigenvaluesOnly);
  return std::sqrt(std::max(0.0, eigen.eigenvalues().maxCoeff()));
}

// Σ over the local queries of one sequence, given h = A₃Y of its keys.
double sequence_constant(const AttentionData& data, const LocalSequence& sequence, const Matrix& h) {
  const Vector least = h.colwise().minCoeff();
  const Vector most = h.colwise().maxCoeff();
  double sum = 0;
  for (Index j = sequence.queries.begin; j < sequence.queries.end; ++j) {
    double outputs = 0;
    for (Index i = 0; i < h.cols(); ++i) {
      const double range = most[i] - least[i];
      const double b = data.target(j, i);
      const double residual = std::max(std::abs(least[i] - b), std::abs(most[i] - b));
      outputs += 0.5304 * range * range + 1.2375 * residual * range;
    }
    const double query = data.queries.row(j).norm();
    sum += query * query * query * outputs;
  }
  return sum;
}

}  // namespace

double h_xx_lipschitz_constant(const AttentionProblem& problem, const Matrix& y) {
  const AttentionData& data = problem.data();
  require(y.rows() == data.value_width() && y.cols() == data.output_width(),
          "h_xx_lipschitz_constant: y is d3 x e");
  double sum = 0;
  for (const LocalSequence& sequence : data.sequences) {
    if (sequence.queries.empty() || sequence.keys.empty()) continue;
    const auto keys = data.keys.middleRows(sequence.keys.begin, sequence.keys.size());
    const Matrix h = product_by_rows(data.values().middleRows(sequence.keys.begin, sequence.keys.size()), y);
    const double factor = std::abs(data.scale) * spectral_norm(keys);
    sum += factor * factor * factor * sequence_constant(data, sequence, h);
  }
  return problem.comm().sum(sum);
}

}  // namespace attnewton
