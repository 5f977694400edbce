// A bound of an attention layer's third derivatives (MATHEMATICS §1, "Bounds").
#pragma once

#include "attnewton/problems/attention.hpp"

namespace attnewton {

/// A Lipschitz constant in X, for all X, of H_xx at fixed Y: Σ_j ‖𝖠_j‖³ Σ_i (0.5304 Δ_{h_i}² +
/// 1.2375 |c_ji|_max Δ_{h_i}), h_i column i of A₃Y, 𝖠_j = scale·a_jᵀ ⊗ A₂ of the row's sequence, |c_ji|_max
/// over all X. Masks can only lower it and are not looked at. It says nothing of H_xy, nor of the reduced
/// Hessian with Y eliminated. `y` is d₃ × e. Collective; O(m d₃ e + n e + m d₂²) and the eigenvalues of a d₂
/// × d₂ matrix a sequence.
double h_xx_lipschitz_constant(const AttentionProblem& problem, const Matrix& y);

}  // namespace attnewton
