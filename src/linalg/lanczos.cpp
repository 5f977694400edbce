#include "attnewton/linalg/lanczos.hpp"

#include <array>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include <Eigen/Eigenvalues>

#include "attnewton/core/error.hpp"

namespace attnewton {
namespace {

// A residual below this share of the matrix' norm shows an invariant subspace.
constexpr double invariant_share = 1e-14;

// The Lanczos vectors and the tridiagonal matrix T that they make of H.
class LanczosProcess {
 public:
  LanczosProcess(const Communicator& comm, const Vector& start, Index most_steps)
      : comm_(comm),
        limit_(std::min(most_steps, start.size())),
        basis_(start.size(), limit_),
        next_(start.normalized()) {}

  Index steps() const { return static_cast<Index>(diagonal_.size()); }
  bool is_done() const { return is_invariant_ || !is_finite_ || steps() == limit_; }
  /// Whether all products with H have been.
  bool is_finite() const { return is_finite_; }
  /// Norm of what H makes of the last vector outside the basis: β of the next step.
  double coupling() const { return coupling_; }

  void step(const SymmetricOperator& h) {
    const Index k = steps();
    basis_.col(k) = next_;
    next_ = h(basis_.col(k));
    const double alpha = basis_.col(k).dot(next_);
    const auto known = basis_.leftCols(k + 1);
    for (int pass = 0; pass < 2; ++pass) next_ -= known * (known.transpose() * next_);
    // What decides must be one number on all ranks, however their processors round.
    std::array agreed{alpha, next_.norm()};
    comm_.broadcast(std::span<double>(agreed));
    is_finite_ = std::isfinite(agreed[0]) && std::isfinite(agreed[1]);
    if (k > 0) off_diagonal_.push_back(coupling_);
    diagonal_.push_back(agreed[0]);
    coupling_ = agreed[1];
    scale_ = std::max({scale_, std::abs(agreed[0]), agreed[1]});
    is_invariant_ = !(coupling_ > invariant_share * scale_);
    if (!is_invariant_) next_ /= coupling_;
  }

  /// Eigenvalues of T, rising, with or without eigenvectors.
  Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> ritz(Eigen::DecompositionOptions what) const {
    Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver;
    solver.computeFromTridiagonal(Eigen::Map<const Vector>(diagonal_.data(), steps()),
                                  Eigen::Map<const Vector>(off_diagonal_.data(), steps() - 1), what);
    return solver;
  }

 private:
  const Communicator& comm_;
  Index limit_;
  Eigen::MatrixXd basis_;
  Vector next_;
  std::vector<double> diagonal_;
  std::vector<double> off_diagonal_;
  double coupling_ = 0;
  double scale_ = 0;
  bool is_invariant_ = false;
  bool is_finite_ = true;
};

// Any vector without a special relation to the matrix will do; this one is the same on every rank.
Vector start_vector(Index n) {
  Vector v(n);
  for (Index i = 0; i < n; ++i)
    v[i] = std::cos(static_cast<double>(i % 1000003) * static_cast<double>(i % 1009 + 1));
  return v;
}

// The residual of a Ritz pair is β times the last entry of T's eigenvector.
ExtremeEigenvalues extremes_of(const Communicator& comm, const LanczosProcess& lanczos, double tolerance) {
  const auto ritz = lanczos.ritz(Eigen::ComputeEigenvectors);
  const Index last = lanczos.steps() - 1;
  std::array numbers{ritz.eigenvalues()[0], ritz.eigenvalues()[last],
                     lanczos.coupling() * std::abs(ritz.eigenvectors()(last, 0)),
                     lanczos.coupling() * std::abs(ritz.eigenvectors()(last, last))};
  comm.broadcast(std::span<double>(numbers));
  ExtremeEigenvalues extremes{numbers[0], numbers[1], numbers[2], numbers[3]};
  extremes.steps = lanczos.steps();
  extremes.is_converged = std::max(numbers[2], numbers[3]) <= tolerance * extremes.norm();
  return extremes;
}

// Steps between tests for convergence, which cost steps³: their sum stays a share of the whole.
Index steps_to_next_test(Index steps) {
  return std::max<Index>(5, steps / 4);
}

}  // namespace

ExtremeEigenvalues extreme_eigenvalues_by_lanczos(const Communicator& comm, const SymmetricOperator& h,
                                                  const Vector& start, const LanczosOptions& options) {
  require(start.size() > 0 && options.most_steps > 0, "Lanczos: a start vector, steps > 0");
  LanczosProcess lanczos(comm, start, options.most_steps);
  while (true) {
    const Index test_at = lanczos.steps() + steps_to_next_test(lanczos.steps());
    while (!lanczos.is_done() && lanczos.steps() < test_at) lanczos.step(h);
    if (!lanczos.is_finite())
      throw NumericalError("the Hessian's product with a vector is not finite: the point is too far out");
    ExtremeEigenvalues extremes = extremes_of(comm, lanczos, options.tolerance);
    if (extremes.is_converged || lanczos.is_done()) return extremes;
  }
}

double smallest_ritz_value(const DistributedMatrix& h, Index steps) {
  require(h.rows() == h.columns() && h.rows() > 0 && steps > 0,
          "smallest_ritz_value: a square matrix, steps > 0");
  const Communicator& comm = h.grid()->comm();
  LanczosProcess lanczos(comm, start_vector(h.rows()), steps);
  while (!lanczos.is_done()) lanczos.step([&h](const Vector& v) { return symmetric_multiply(h, v); });
  if (!lanczos.is_finite()) return std::numeric_limits<double>::quiet_NaN();
  double smallest = lanczos.ritz(Eigen::EigenvaluesOnly).eigenvalues().minCoeff();
  comm.broadcast(std::span<double>(&smallest, 1));
  return smallest;
}

}  // namespace attnewton
