// Sums of Kronecker products of symmetric matrices: their nearest single product, and solves with it.
#pragma once

#include <vector>

#include "attnewton/linalg/packed_symmetric.hpp"
#include "attnewton/parallel/communicator.hpp"

namespace attnewton {

/// Σ_s P_s ⊗ Q_s: row s of `lefts` is vech(P_s), row s of `rights` vech(Q_s). Terms lie on different ranks.
struct KroneckerTerms {
  Matrix lefts;
  Matrix rights;
};

/// P ⊗ Q, both symmetric; vec is row-major: (P ⊗ Q) vec R = vec(P R Q).
struct KroneckerProduct {
  Matrix left;
  Matrix right;
};

struct PowerIteration {
  double tolerance = 1e-9;  ///< relative change of Q that ends it
  Index most_steps = 200;
};

/// The P ⊗ Q nearest in the Frobenius norm to the sum of all ranks' terms (Van Loan and Pitsianis, 1993): the
/// largest singular pair of Σ vec(P_s) vec(Q_s)ᵀ, by power iteration on the terms. P has norm 1; both are 0
/// if the sum is. Where all P_s, Q_s ⪰ 0, so are P and Q. `left_width` and `right_width` are the orders of P
/// and Q. The same on every rank. Collective on `comm`, 2 reductions a step; cost 2 (d₁² + d₂²) flops a term
/// and step.
KroneckerProduct nearest_kronecker_product(const Communicator& comm, const std::vector<KroneckerTerms>& terms,
                                           Index left_width, Index right_width,
                                           const PowerIteration& iteration = {});

/// P = U diag(λ) Uᵀ, Q = V diag(θ) Vᵀ of P, Q ⪰ 0: P ⊗ Q + cI for any c. The same on every rank.
class KroneckerSpectrum {
 public:
  /// Eigenvalues that rounding made negative count as 0. Throws NumericalError if an entry is not finite.
  /// Collective on `comm`: rank 0 computes, O(d³).
  KroneckerSpectrum(const Communicator& comm, const KroneckerProduct& product);

  double smallest() const { return left_values_.minCoeff() * right_values_.minCoeff(); }
  /// (P ⊗ Q + shift·I)⁻¹ vec R, as a matrix of R's shape. Local, 4 products of order d. smallest() + shift
  /// must be positive.
  Matrix solve(double shift, const Matrix& r) const;

 private:
  Vector left_values_;
  Vector right_values_;
  Matrix left_vectors_;
  Matrix right_vectors_;
};

}  // namespace attnewton
