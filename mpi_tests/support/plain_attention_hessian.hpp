// The joint Hessian of an attention problem, row by row as MATHEMATICS §1 prints it, with a weight a row:
// dense, slow, and sharing no code with the product.
#pragma once

#include "attnewton/problems/problem.hpp"

#include "support/whole_attention.hpp"

namespace attnewton::testing_support {

/// Σ_j w_j (row j's terms) + regulariser over (vec X, vec Y) at (X, Y); `weights` has an entry a query row.
Matrix plain_joint_hessian(const WholeAttention& whole, const Matrix& x, const Matrix& y,
                           const Vector& weights, HessianForm form);

/// H_xx − H_xy H_yy⁻¹ H_yx of a joint Hessian whose first so many unknowns are X's.
Matrix plain_schur_complement(const Matrix& joint, Index x_unknowns);

}  // namespace attnewton::testing_support
