// The weights of the attention Hessian, one a pair of a query and a key, by non-negative factors of rank one
// (MATHEMATICS §6, docs/mathematics.md §11).
#pragma once

#include "attnewton/problems/attention.hpp"

namespace attnewton {

/// e₁e₂ᵀ in place of D_jk = f_jk v_j, v_j = Σ_l f_jl ‖h_l − o_j‖² with h = A₃Y: the weights with which
/// scale² Σ_jk D_jk (a_j a_jᵀ) ⊗ (a_k a_kᵀ) ⪰ the Gauss–Newton part of H_xx, hence of its Schur complement.
struct KroneckerWeights {
  Vector queries;  ///< e₁ = v ≥ 0, one a local query row
  Vector keys;  ///< e₂ ≥ 0, one a local key row; sums to 1 over each sequence, or is 0 there if v is; the
                ///< same bits on every rank that has the sequence
};

/// Within each sequence the non-negative rank-one weights nearest to D in I-divergence: D's row and column
/// sums are kept. Masked pairs weigh nothing; the regulariser is left out. In double, whatever the problem's
/// precision. Collective on the problem's communicator: one reduction of a number a key row of the whole
/// problem, which every rank holds meanwhile. Cost n·m·(d₂ + 4) multiply–adds and an exponential an unmasked
/// score (two products and exponentials where a tile has more than most_stored_scores); no n × m matrix
/// exists. The same bits for any number of threads.
KroneckerWeights kronecker_weights(const AttentionProblem& problem, const AttentionPoint& point);

}  // namespace attnewton
