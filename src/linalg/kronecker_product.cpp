#include "attnewton/linalg/kronecker_product.hpp"

#include <algorithm>
#include <utility>

#include <Eigen/Eigenvalues>

#include "attnewton/core/error.hpp"

namespace attnewton {
namespace {

// Of vech(S) what makes ⟨S, ·⟩ of another vech: entries off the diagonal stand for two.
Vector doubled_off_diagonal(const Vector& packed, Index width) {
  Vector doubled = 2 * packed;
  for (Index a = 0; a < width; ++a) doubled[packed_index(a, a)] = packed[packed_index(a, a)];
  return doubled;
}

// ‖S‖_F of vech(S).
double frobenius_norm(const Vector& packed, Index width) {
  return std::sqrt(packed.dot(doubled_off_diagonal(packed, width)));
}

Matrix unpacked(const Vector& packed, Index width) {
  Matrix symmetric(width, width);
  unpack_symmetric(packed.data(), symmetric);
  return symmetric;
}

// Σ_s ⟨from_s, s⟩ to_s over all ranks' terms, packed; `of` tells which side of the terms is which.
template <class Sides>
Vector pull(const Communicator& comm, const std::vector<KroneckerTerms>& terms, const Vector& with,
            Index result_width, Sides&& of) {
  Vector sum = Vector::Zero(packed_size(result_width));
  for (const KroneckerTerms& group : terms) {
    const auto [from, to] = of(group);
    if (from->rows() > 0) sum += to->transpose() * (*from * with);
  }
  comm.sum(sum);
  return sum;
}

struct Eigenpairs {
  Vector values;
  Matrix vectors;
};

// On rank 0, for all.
Eigenpairs eigenpairs(const Communicator& comm, const Matrix& symmetric) {
  Eigenpairs pairs{Vector::Zero(symmetric.rows()), Matrix::Zero(symmetric.rows(), symmetric.rows())};
  if (comm.is_root()) {
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver{Eigen::MatrixXd(symmetric)};
    pairs.values = solver.eigenvalues().cwiseMax(0.0);
    pairs.vectors = solver.eigenvectors();
  }
  comm.broadcast(pairs.values);
  comm.broadcast(std::span<double>(pairs.vectors.data(), static_cast<std::size_t>(pairs.vectors.size())));
  return pairs;
}

}  // namespace

KroneckerProduct nearest_kronecker_product(const Communicator& comm, const std::vector<KroneckerTerms>& terms,
                                           Index left_width, Index right_width,
                                           const PowerIteration& iteration) {
  const auto left_from_right = [](const KroneckerTerms& t) { return std::pair(&t.rights, &t.lefts); };
  const auto right_from_left = [](const KroneckerTerms& t) { return std::pair(&t.lefts, &t.rights); };
  Vector left = Vector::Zero(packed_size(left_width));
  Vector right;
  // Start: Σ tr(P_s) Q_s.
  for (Index a = 0; a < left_width; ++a) left[packed_index(a, a)] = 1;
  right = pull(comm, terms, left, right_width, right_from_left);
  for (Index step = 0; step < iteration.most_steps; ++step) {
    left = pull(comm, terms, doubled_off_diagonal(right, right_width), left_width, left_from_right);
    const double norm = frobenius_norm(left, left_width);
    if (norm > 0) left /= norm;
    const Vector next =
        pull(comm, terms, doubled_off_diagonal(left, left_width), right_width, right_from_left);
    const double change = frobenius_norm(next - right, right_width);
    right = next;
    // All ranks stop at once, whatever their roundings; so do numbers that are not finite.
    if (comm.max(Index{change > iteration.tolerance * frobenius_norm(right, right_width)}) == 0) break;
  }
  comm.broadcast(left);
  comm.broadcast(right);
  return {unpacked(left, left_width), unpacked(right, right_width)};
}

KroneckerSpectrum::KroneckerSpectrum(const Communicator& comm, const KroneckerProduct& product) {
  if (!product.left.allFinite() || !product.right.allFinite()) {
    throw NumericalError("a Kronecker factor of the Hessian has an entry that is not finite");
  }
  Eigenpairs left = eigenpairs(comm, product.left);
  Eigenpairs right = eigenpairs(comm, product.right);
  left_values_ = std::move(left.values);
  left_vectors_ = std::move(left.vectors);
  right_values_ = std::move(right.values);
  right_vectors_ = std::move(right.vectors);
}

Matrix KroneckerSpectrum::solve(double shift, const Matrix& r) const {
  require(r.rows() == left_values_.size() && r.cols() == right_values_.size(),
          "KroneckerSpectrum::solve: R of the factors' orders");
  Matrix half = product_by_rows(left_vectors_.transpose().eval(), r);
  Matrix coefficients = product_by_rows(half, right_vectors_);
  coefficients.array() /= (left_values_ * right_values_.transpose()).array() + shift;
  half = product_by_rows(left_vectors_, coefficients);
  return product_by_rows(half, right_vectors_.transpose().eval());
}

}  // namespace attnewton
