// Lanczos' method on symmetric matrices and operators: their extreme eigenvalues from products alone.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>

#include "attnewton/linalg/distributed_matrix.hpp"

namespace attnewton {

/// v ↦ H v of a symmetric H; v and the result are whole on every rank and the same there.
using SymmetricOperator = std::function<Vector(const Vector&)>;

/// Both ends of a symmetric matrix' spectrum, with what is known of their error.
struct ExtremeEigenvalues {
  double smallest = 0;
  double largest = 0;
  /// H has an eigenvalue as near to `smallest`, and to `largest`, as these. By Lanczos: the Ritz pairs'
  /// residuals. `smallest` is then never below λ_min nor `largest` above λ_max, but for rounding; that no
  /// eigenvalue lies further out is likely, not proven.
  double smallest_error = 0;
  double largest_error = 0;
  bool is_direct = false;    ///< all eigenvalues were computed, the errors bound rounding
  bool is_converged = true;  ///< both errors are within the tolerance that was asked for
  Index steps = 0;           ///< Lanczos steps; 0 if direct

  double norm() const { return std::max(std::abs(smallest), std::abs(largest)); }
};

struct LanczosOptions {
  double tolerance = 1e-8;  ///< largest residual of both Ritz pairs, relative to ‖H‖
  Index most_steps = 400;
};

/// Extreme Ritz values after as many Lanczos steps, with full reorthogonalisation, as the tolerance takes.
/// `start` is any vector but 0, the same on every rank; a random one has, surely enough, a part of every
/// eigenvector. Collective on `comm`; a product with H and 8·n·steps flops a step, n·steps numbers on every
/// rank. Throws NumericalError if a product is not finite.
ExtremeEigenvalues extreme_eigenvalues_by_lanczos(const Communicator& comm, const SymmetricOperator& h,
                                                  const Vector& start, const LanczosOptions& options);

/// Smallest Ritz value of symmetric H (lower triangle) after `steps` Lanczos steps with full
/// reorthogonalisation from a fixed start. It is never below λ_min(H) but for rounding, so H + μI is surely
/// not positive definite when ritz + μ < 0; within a few dozen steps it is usually close to λ_min.
/// NaN if H is not finite. Collective; `steps` products with H and 2 n steps² flops.
double smallest_ritz_value(const DistributedMatrix& h, Index steps);

}  // namespace attnewton
