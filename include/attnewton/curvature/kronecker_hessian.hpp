// Hessians of the attention problem whose inverse costs next to nothing: a Kronecker product in X, K_y ⊗ I in
// Y; and none at all (MATHEMATICS §6, §8; docs/mathematics.md §11).
#pragma once

#include <memory>

#include "attnewton/curvature/damped_hessian.hpp"
#include "attnewton/problems/attention.hpp"

namespace attnewton {

/// H̃ = P ⊗ Q + λI in X, the nearest Kronecker product to Σ_s P_s ⊗ Q_s + Σ_s U_s ⊗ V_s: of every sequence the
/// majorant of the Gauss–Newton Hessian with its weights in factors of rank one, and the weighted
/// regulariser's term. For joint variables K_y ⊗ I_e in Y and nothing between X and Y. P, Q ⪰ 0: any shift >
/// 0 makes H̃ + D positive definite, unless K_y is singular. update(): about n·m·(d₂ + 4) multiply–adds, an
/// exponential an unmasked score, O(n d²) and O(d³); each solve O(d³). Memory d₁² + d₂² numbers a sequence.
/// `problem` must outlive it.
std::unique_ptr<DampedHessian> make_kronecker_hessian(const AttentionProblem& problem);

/// For joint variables: K_y ⊗ I_e in Y, exactly H_yy, and in X a multiple of I: the mean diagonal of that
/// majorant and the ridge. For projected variables the multiple of I alone. update() costs as much as
/// make_kronecker_hessian()'s. `problem` must outlive it.
std::unique_ptr<DampedHessian> make_y_block_hessian(const AttentionProblem& problem);

/// H̃ = I, whatever the point: conjugate gradients without a preconditioner, or gradient steps. Named "none".
/// `problem` must outlive it.
std::unique_ptr<DampedHessian> make_identity_hessian(const Problem& problem);

}  // namespace attnewton
