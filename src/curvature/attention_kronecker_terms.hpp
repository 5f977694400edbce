// The attention Hessian's Gauss–Newton majorant as a sum of Kronecker products, one a sequence. Internal to
// this module.
#pragma once

#include "attnewton/linalg/kronecker_product.hpp"
#include "attnewton/problems/attention.hpp"

namespace attnewton {

/// For every local sequence P_s = scale² Σ_j v_j a_j a_jᵀ of its local query rows, and
/// Q_s = Σ_j (v_j / Σv) A₂ᵀ(diag(f_j) − f_j f_jᵀ)A₂ of all of its query rows, so that the sum over ranks
/// needs no other (docs/mathematics.md §11). Collective; cost that of kronecker_weights() and O(n d²), n m d₂
/// more where A₃ is not A₂; reductions of d₂² numbers for each sequence that ranks share.
KroneckerTerms attention_kronecker_terms(const AttentionProblem& problem, const AttentionPoint& point);

}  // namespace attnewton
