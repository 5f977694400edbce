#include "attention_importances.hpp"

#include <cmath>

#include <Eigen/Cholesky>

namespace attnewton {
namespace {

// Shares of an importance.
constexpr double share_of_x = 0.5;
constexpr double share_of_y = 0.25;
constexpr double share_of_all = 0.25;

// Added to a Gram matrix of unit diagonal: directions weaker than that count as none.
constexpr double gram_ridge = 1e-10;

// The mean of the keys of all sequences.
Eigen::RowVectorXd mean_key(const AttentionProblem& problem) {
  const AttentionData& data = problem.data();
  Vector sum = Vector::Zero(data.key_width() + 1);
  for (const LocalSequence& sequence : data.sequences) {
    if (!sequence.owns_keys) continue;
    sum.head(data.key_width()) +=
        data.keys.middleRows(sequence.keys.begin, sequence.keys.size()).colwise().sum().transpose();
    sum[data.key_width()] += static_cast<double>(sequence.keys.size());
  }
  problem.comm().sum(sum);
  return sum.head(data.key_width()).transpose() / std::max(sum[data.key_width()], 1.0);
}

// m_j of the local rows.
Vector sizes_of_m(const AttentionProblem& problem, const AttentionPoint& point, HessianForm form) {
  const AttentionData& data = problem.data();
  const Matrix outputs = product_by_rows(data.values(), point.y);
  Matrix squares(data.keys.rows(), 2);
  squares.col(0) = (data.keys.rowwise() - mean_key(problem)).rowwise().squaredNorm();
  squares.col(1) = outputs.rowwise().squaredNorm();
  const Matrix moments = point.curvature() == Precision::mixed
                             ? problem.stream<float>().averages(point.x, point.at, squares)
                             : problem.stream<double>().averages(point.x, point.at, squares);
  const Vector output_squares = (point.at.residual + data.target).rowwise().squaredNorm();
  const Vector spread = (moments.col(1) - output_squares).cwiseMax(0);
  Vector sizes = spread;
  if (form == HessianForm::exact)
    sizes += point.at.residual.rowwise().norm().cwiseProduct(spread.cwiseSqrt());
  return sizes.cwiseProduct(moments.col(0));
}

// Leverage scores of the local ones of a tall matrix's rows. Collective.
Vector leverage_scores(const Communicator& comm, const Matrix& rows) {
  Matrix gram = transpose_product(rows, rows);
  comm.sum(gram);
  const Vector scale =
      gram.diagonal().unaryExpr([](double square) { return square > 0 ? 1 / std::sqrt(square) : 0.0; });
  gram = scale.asDiagonal() * gram * scale.asDiagonal();
  gram.diagonal().array() += gram_ridge;
  const Eigen::LLT<Eigen::MatrixXd> cholesky(gram);
  const Matrix inverse =
      scale.asDiagonal() * cholesky.solve(Matrix::Identity(gram.rows(), gram.cols())) * scale.asDiagonal();
  return product_by_rows(rows, inverse).cwiseProduct(rows).rowwise().sum().cwiseMax(0);
}

// Adds numbers of mean `share` in proportion to `sizes`.
void add_share(const Communicator& comm, double share, double all_rows, const Vector& sizes,
               Vector& importances) {
  const double sum = comm.sum(sizes.sum());
  if (sum > 0 && std::isfinite(sum)) {
    importances += share * all_rows / sum * sizes;
  } else {
    importances.array() += share;
  }
}

}  // namespace

Vector attention_importances(const AttentionProblem& problem, const AttentionPoint& point, RowSampling rule,
                             HessianForm form) {
  const AttentionData& data = problem.data();
  const Communicator& comm = problem.comm();
  if (rule == RowSampling::uniform) return Vector::Ones(data.queries.rows());
  const auto all_rows = static_cast<double>(comm.sum(data.queries.rows()));
  const Matrix queries = sizes_of_m(problem, point, form).cwiseSqrt().asDiagonal() * data.queries;
  Vector importances = Vector::Constant(data.queries.rows(), share_of_all);
  if (rule == RowSampling::norm) {
    add_share(comm, share_of_x, all_rows, queries.rowwise().squaredNorm(), importances);
    add_share(comm, share_of_y, all_rows, point.at.mixed.rowwise().squaredNorm(), importances);
  } else {
    add_share(comm, share_of_x, all_rows, leverage_scores(comm, queries), importances);
    add_share(comm, share_of_y, all_rows, leverage_scores(comm, point.at.mixed), importances);
  }
  return importances;
}

}  // namespace attnewton
