#include "attnewton/linalg/lanczos.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include <Eigen/Eigenvalues>

#include "attnewton/core/error.hpp"

namespace attnewton {
namespace {

// Any vector without a special relation to the matrix will do; this one is the same on every rank.
Vector start_vector(Index n) {
  Vector v(n);
  for (Index i = 0; i < n; ++i)
    v[i] = std::cos(static_cast<double>(i % 1000003) * static_cast<double>(i % 1009 + 1));
  return v.normalized();
}

}  // namespace

double smallest_ritz_value(const DistributedMatrix& h, Index steps) {
  require(h.rows() == h.columns() && h.rows() > 0 && steps > 0,
          "smallest_ritz_value: a square matrix, steps > 0");
  const Index limit = std::min(steps, h.rows());
  std::vector<double> diagonal;
  std::vector<double> off_diagonal;
  Eigen::MatrixXd basis(h.rows(), limit);
  Vector next = start_vector(h.rows());
  for (Index k = 0; k < limit; ++k) {
    basis.col(k) = next;
    next = symmetric_multiply(h, basis.col(k));
    diagonal.push_back(basis.col(k).dot(next));
    const auto known = basis.leftCols(k + 1);
    for (int pass = 0; pass < 2; ++pass) next -= known * (known.transpose() * next);
    const double norm = next.norm();
    if (k + 1 == limit || !(norm > 1e-14 * std::abs(diagonal.front())))
      break;  // done, or an invariant subspace
    off_diagonal.push_back(norm);
    next /= norm;
  }
  const auto size = static_cast<Index>(diagonal.size());
  Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> ritz;
  ritz.computeFromTridiagonal(Eigen::Map<const Vector>(diagonal.data(), size),
                              Eigen::Map<const Vector>(off_diagonal.data(), size - 1),
                              Eigen::EigenvaluesOnly);
  // One number for all ranks, however their processors round.
  double smallest = ritz.eigenvalues().minCoeff();
  h.grid()->comm().broadcast(std::span<double>(&smallest, 1));
  return smallest;
}

}  // namespace attnewton
