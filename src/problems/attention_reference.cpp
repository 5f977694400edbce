#include "attnewton/problems/attention_reference.hpp"

#include <cmath>

#include <Eigen/Eigenvalues>

#include "attnewton/core/error.hpp"
#include "attnewton/parallel/deterministic.hpp"
#include "attnewton/problems/attention_tile.hpp"

namespace attnewton {
namespace {

// Eigenvalues of a Gram matrix below this share of the largest count as directions that the data does not
// show.
constexpr double blind_eigenvalue = 1e-12;

Matrix projector_onto_range(const Matrix& gram) {
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(gram);
  const double threshold = blind_eigenvalue * eigen.eigenvalues().cwiseAbs().maxCoeff();
  Matrix projector = Matrix::Zero(gram.rows(), gram.cols());
  for (Index i = 0; i < gram.rows(); ++i) {
    if (eigen.eigenvalues()[i] > threshold) {
      projector += eigen.eigenvectors().col(i) * eigen.eigenvectors().col(i).transpose();
    }
  }
  return projector;
}

// Gram matrix of key rows (keys or values), each sequence's changed by `prepare` first, summed over ranks.
template <class Prepare>
Matrix gram_of_sequences(const Communicator& comm, const AttentionData& data, const Matrix& rows,
                         Prepare&& prepare) {
  Matrix gram = Matrix::Zero(rows.cols(), rows.cols());
  for (const LocalSequence& sequence : data.sequences) {
    if (!sequence.owns_keys) continue;
    Matrix own = rows.middleRows(sequence.keys.begin, sequence.keys.size());
    prepare(own);
    gram += transpose_product(own, own);
  }
  comm.sum(gram);
  return gram;
}

void centre(Matrix& rows) {
  const Eigen::RowVectorXd mean = rows.colwise().mean();
  rows.rowwise() -= mean;
}

// Logits that a task holds at once.
constexpr Index most_logits = Index{1} << 20;

// Calls f(tile) with parts of the tile of so few rows that their logits are not too many.
template <class F>
void for_each_part(const AttentionTile& tile, F&& f) {
  const Index step = std::max<Index>(1, most_logits / tile.keys.size());
  for (Index row = tile.queries.begin; row < tile.queries.end; row += step) {
    AttentionTile part = tile;
    part.queries = {row, std::min(tile.queries.end, row + step)};
    part.first_position += row - tile.queries.begin;
    f(part);
  }
}

// Σ over rows and visible keys of (logit − the row's mean)², for the logits of X.
double centred_logits_squared(const AttentionProblem& problem, const Matrix& x) {
  const auto& tiles = problem.tiles();
  const double sum = deterministic_sum(static_cast<Index>(tiles.size()), 0.0, [&](Index i) {
    const AttentionTile& tile = tiles[static_cast<std::size_t>(i)];
    double squares = 0;
    for_each_part(tile, [&](const AttentionTile& part) {
      const Matrix logits = tile_logits(problem.data(), part, x);
      for (Index j = 0; j < logits.rows(); ++j) {
        const auto row = logits.row(j).head(part.visible(j)).array();
        squares += (row - row.mean()).square().sum();
      }
    });
    return squares;
  });
  return problem.comm().sum(sum);
}

double relative(double error, double size) {
  return size > 0 ? error / size : error;
}

}  // namespace

ReferenceErrors errors_against_reference(const AttentionProblem& problem, const AttentionPoint& point,
                                         const Matrix& x_reference, const Matrix& y_reference) {
  require(x_reference.rows() == point.x.rows() && x_reference.cols() == point.x.cols() &&
              y_reference.rows() == point.y.rows() && y_reference.cols() == point.y.cols(),
          "errors_against_reference: equal shapes");
  const AttentionData& data = problem.data();
  const Matrix difference = point.x - x_reference;

  Matrix query_gram = transpose_product(data.queries, data.queries);
  problem.comm().sum(query_gram);
  const Matrix p1 = projector_onto_range(query_gram);
  const Matrix p2 = projector_onto_range(gram_of_sequences(problem.comm(), data, data.keys, centre));

  const Matrix p3 =
      projector_onto_range(gram_of_sequences(problem.comm(), data, data.values(), [](const Matrix&) {}));

  ReferenceErrors errors;
  errors.x_error = relative(difference.norm(), x_reference.norm());
  errors.x_error_seen = relative((p1 * difference * p2).norm(), (p1 * x_reference * p2).norm());
  errors.logit_error = std::sqrt(
      relative(centred_logits_squared(problem, difference), centred_logits_squared(problem, x_reference)));
  const Matrix y_difference = point.y - y_reference;
  errors.y_error = relative(y_difference.norm(), y_reference.norm());
  errors.y_error_seen = relative((p3 * y_difference).norm(), (p3 * y_reference).norm());
  return errors;
}

}  // namespace attnewton
