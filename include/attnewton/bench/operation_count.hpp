// The work of each attention kernel by its formulas: what its speed is measured by.
#pragma once

#include "attnewton/core/types.hpp"
#include "attnewton/curvature/attention_hessian.hpp"

namespace attnewton {

/// Sizes of a whole attention problem, all ranks together.
struct AttentionSize {
  double queries = 0;  ///< n
  double keys = 0;     ///< m
  double visible = 0;  ///< V: scores that the mask leaves, Σ over queries of their visible keys
  double d1 = 0;       ///< width of the queries
  double d2 = 0;       ///< width of the keys
  double d3 = 0;       ///< width of the values
  double e = 0;        ///< width of the output
  bool values_are_keys = true;
};

/// Operations, 2 a multiply–add. Exponentials are counted by themselves.
struct OperationCount {
  double operations = 0;
  double score_operations = 0;  ///< those of them that grow with V: the products with n × m matrices
  double exponentials = 0;
};

/// V of self-attention over `rows` rows in sequences of `sequence_length` (the last one may be shorter):
/// Σ L² without a mask, Σ L(L+1)/2 with a causal one. O(1).
double visible_scores(Index rows, Index sequence_length, bool causal);

/// Loss and gradient in one pass. Multiply–adds over scores: V(2d₂ + d₃ +
/// min(d₃, e)), for S, T = F A₃, G (from A₃Y and C, or from A₃ and C Yᵀ) and P A₂.
/// Thin ones: n d₁d₂ for A₁X, m d₃e for A₃Y, n d₃e for T Y, n d₁d₂ for A₁ᵀ(PA₂), n d₃e for TᵀC.
/// Projected variables: Y is known only after a pass over all scores, so S is made twice, 1·V d₂ more; and
/// K_y = TᵀT (half of it, n d₃(d₃+1)/2) and TᵀB (n d₃e) take the place of TᵀC.
OperationCount gradient_operations(const AttentionSize& size, AttentionVariables variables);

/// Hessian–vector product at a point whose T and C are there. Multiply–adds over scores: V(3d₂ + d₃ +
/// min(d₃, e) + min(d₃, 2e)), for S, Z′, dT = dF A₃, G, dG and dP A₂. dG is (dC Yᵀ + C Y′ᵀ) A₃ᵀ where d₃ <
/// 2e, else dC (A₃Y)ᵀ + C (A₃Y′)ᵀ. Thin ones: 2 n d₁d₂ for A₁X and A₁X′, m d₃e for A₃Y, 2 n d₃e for dC Yᵀ and
/// C Y′ᵀ or m d₃e for A₃Y′, 2 n d₃e for dC = dT Y + T Y′, n d₁d₂ for A₁ᵀ(dP A₂), 2 n d₃e for dTᵀC + TᵀdC.
/// Projected variables: Y′ is known only after dT of all rows, so S and Z′ are made twice, 2·V d₂ more; dT
/// does not depend on Y′ and is kept. Solving with K_y's factor, d₃²e, is not counted.
OperationCount hessian_vector_operations(const AttentionSize& size, AttentionVariables variables);

/// Assembly at a point whose T and C are there, by the structure of MATHEMATICS §1, "What the structure is
/// worth". Multiply–adds over scores: V d₂²/2 for M_j's weighted Gram (exact form only) and V d₂d₃ for R_j,
/// half of that with A₃ = A₂. Rows: n d₁²d₂²/4 for H_xx from packed halves, n d₁d₂d₃ min(d₃, e) for the
/// t-part of H_xy (Y applied before or after) and n d₁d₂d₃e for its c-part (exact form only). With equal
/// widths and A₃ = A₂: V d² + 2.25 n d⁴, or V d²/2 + 1.25 n d⁴ for Gauss–Newton. Two agreements of that count
/// are kept: a half of d² is d²/2, not d(d+1)/2, and N_j counts whole although it is symmetric with A₃ = A₂.
/// The projected form's elimination of Y, d₁²d₂²d₃e/2 more whatever n is, is not counted.
OperationCount assembly_operations(const AttentionSize& size, HessianForm form);

}  // namespace attnewton
