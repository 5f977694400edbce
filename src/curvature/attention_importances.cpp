#include "attention_importances.hpp"

#include <algorithm>
#include <cmath>

#include <Eigen/Cholesky>

namespace attnewton {
namespace {

// Shares of an importance: what is the same for all rows, and by norm what comes from X and from Y.
constexpr double share_of_all = 0.25;
constexpr double share_of_x = 0.5;
constexpr double share_of_y = 0.25;

// Each takes two columns of averages at most, of which one pass has 32.
constexpr Index bilinear_probes = 16;

// Added to a Gram matrix of unit diagonal: directions weaker than that count as none.
constexpr double gram_ridge = 1e-10;

// a_k, h_k and o_j less the mean of all keys' a_k and h_k, which K_j does not depend on.
struct CentredRows {
  Matrix keys;
  Matrix outputs_of_keys;
  Matrix outputs;
  Eigen::RowVectorXd mean_key;
  Matrix gram_of_keys;  // of all ranks
};

// Collective.
CentredRows centred_rows(const AttentionProblem& problem, const AttentionPoint& point) {
  const AttentionData& data = problem.data();
  // A sequence's keys lie on every rank that has rows of it; one of these counts them.
  Vector counted = Vector::Zero(data.keys.rows());
  for (const LocalSequence& sequence : data.sequences) {
    if (sequence.owns_keys) counted.segment(sequence.keys.begin, sequence.keys.size()).setOnes();
  }
  const double all_keys = std::max(problem.comm().sum(counted.sum()), 1.0);
  const auto mean = [&](const Matrix& rows) -> Eigen::RowVectorXd {
    Vector sum = rows.transpose() * counted;
    problem.comm().sum(sum);
    return sum.transpose() / all_keys;
  };
  CentredRows rows{data.keys,
                   product_by_rows(data.values(), point.y),
                   point.at.residual + data.target,
                   mean(data.keys),
                   {}};
  const Eigen::RowVectorXd mean_output = mean(rows.outputs_of_keys);
  rows.keys.rowwise() -= rows.mean_key;
  rows.outputs_of_keys.rowwise() -= mean_output;
  rows.outputs.rowwise() -= mean_output;
  rows.gram_of_keys = transpose_product(counted.asDiagonal() * rows.keys, rows.keys);
  problem.comm().sum(rows.gram_of_keys);
  return rows;
}

// Averages of `columns`, a row a local key, by the softmax of each local query.
Matrix softmax_averages(const AttentionProblem& problem, const AttentionPoint& point, const Matrix& columns) {
  return point.curvature() == Precision::mixed
             ? problem.stream<float>().averages(point.x, point.at, columns)
             : problem.stream<double>().averages(point.x, point.at, columns);
}

// m_j of the local rows.
Vector sizes_of_m(const AttentionProblem& problem, const AttentionPoint& point, HessianForm form) {
  const CentredRows rows = centred_rows(problem, point);
  Matrix squares(rows.keys.rows(), 2);
  squares.col(0) = rows.keys.rowwise().squaredNorm();
  squares.col(1) = rows.outputs_of_keys.rowwise().squaredNorm();
  const Matrix moments = softmax_averages(problem, point, squares);
  const Vector spread = (moments.col(1) - rows.outputs.rowwise().squaredNorm()).cwiseMax(0);
  Vector sizes = spread;
  if (form == HessianForm::exact)
    sizes += point.at.residual.rowwise().norm().cwiseProduct(spread.cwiseSqrt());
  return sizes.cwiseProduct(moments.col(0));
}

// R with R Rᵀ the inverse of a Gram matrix, or of what is left of one of that diagonal, but for directions
// that are weak beside it.
Matrix inverse_root(const Matrix& gram, const Vector& diagonal) {
  const Vector scale =
      diagonal.unaryExpr([](double square) { return square > 0 ? 1 / std::sqrt(square) : 0.0; });
  Matrix scaled = scale.asDiagonal() * gram * scale.asDiagonal();
  scaled.diagonal().array() += gram_ridge;
  const Eigen::LLT<Eigen::MatrixXd> cholesky(scaled);
  return scale.asDiagonal() *
         Matrix(cholesky.matrixU().solve(Eigen::MatrixXd::Identity(gram.rows(), gram.cols())));
}

// s_jr = w_rᵀK_jω_r of the local rows, a column a probe.
Matrix probed_rows(const AttentionProblem& problem, const AttentionPoint& point, const RandomStream& random) {
  const CentredRows rows = centred_rows(problem, point);
  const Index d2 = rows.keys.cols();
  const Index e = rows.outputs.cols();
  const Matrix w = inverse_root(rows.gram_of_keys, rows.gram_of_keys.diagonal()) *
                   random.normal_rows({0, d2}, bilinear_probes);
  const Matrix omega = random.normal_rows({d2, d2 + e}, bilinear_probes);
  const Matrix along_w = product_by_rows(rows.keys, w);
  const Matrix products = along_w.cwiseProduct(product_by_rows(rows.outputs_of_keys, omega));
  Matrix mean_product;
  Matrix mean_along_w;
  if (problem.data().values_are_keys) {  // p_j is t_j
    mean_product = softmax_averages(problem, point, products);
    mean_along_w = product_by_rows(point.at.mixed.rowwise() - rows.mean_key, w);
  } else {
    Matrix both(products.rows(), 2 * bilinear_probes);
    both << products, along_w;
    const Matrix means = softmax_averages(problem, point, both);
    mean_product = means.leftCols(bilinear_probes);
    mean_along_w = means.rightCols(bilinear_probes);
  }
  return mean_product - mean_along_w.cwiseProduct(product_by_rows(rows.outputs, omega));
}

// Block leverage scores of the local rows. Collective.
Vector leverage_scores(const AttentionProblem& problem, const AttentionPoint& point,
                       const RandomStream& random) {
  const AttentionData& data = problem.data();
  const Communicator& comm = problem.comm();
  const Matrix gram_y = problem.gram_y(point);
  const Matrix t = product_by_rows(point.at.mixed, inverse_root(gram_y, gram_y.diagonal()));
  const Matrix s = probed_rows(problem, point, random);

  // Σ_r of the Gram matrices of s_jr a_j, and of what is left of them once Y follows.
  const Index d1 = data.query_width();
  const Index d3 = data.value_width();
  Matrix gram = transpose_product(s.rowwise().squaredNorm().asDiagonal() * data.queries, data.queries);
  Matrix cross(bilinear_probes * d3, d1);  // Σ_j t_j s_jr a_jᵀ, one below the other
  for (Index r = 0; r < bilinear_probes; ++r)
    cross.middleRows(r * d3, d3) = transpose_product(s.col(r).asDiagonal() * t, data.queries);
  comm.sum(gram);
  comm.sum(cross);
  const Matrix root = inverse_root(gram - cross.transpose() * cross, gram.diagonal());

  const Matrix a = product_by_rows(data.queries, root);
  const Matrix follows = product_by_rows(cross, root);
  Vector scores = Vector::Zero(a.rows());
  for (Index r = 0; r < bilinear_probes; ++r)
    scores += (s.col(r).asDiagonal() * a - product_by_rows(t, follows.middleRows(r * d3, d3)))
                  .rowwise()
                  .squaredNorm();
  return static_cast<double>(data.key_width()) * scores +
         static_cast<double>(data.output_width()) * t.rowwise().squaredNorm();
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
                             HessianForm form, const RandomStream& probes) {
  const AttentionData& data = problem.data();
  const Communicator& comm = problem.comm();
  if (rule == RowSampling::uniform) return Vector::Ones(data.queries.rows());
  const auto all_rows = static_cast<double>(comm.sum(data.queries.rows()));
  Vector importances = Vector::Constant(data.queries.rows(), share_of_all);
  if (rule == RowSampling::norm) {
    const Vector sizes = sizes_of_m(problem, point, form);
    add_share(comm, share_of_x, all_rows, sizes.cwiseProduct(data.queries.rowwise().squaredNorm()),
              importances);
    add_share(comm, share_of_y, all_rows, point.at.mixed.rowwise().squaredNorm(), importances);
  } else {
    add_share(comm, 1 - share_of_all, all_rows, leverage_scores(problem, point, probes), importances);
  }
  return importances;
}

}  // namespace attnewton
