// How much query rows matter to an attention Hessian, before their matrices are known. Internal to this
// module.
#pragma once

#include "attnewton/problems/attention.hpp"
#include "attnewton/random/stream.hpp"
#include "attnewton/sketch/row_sample.hpp"

namespace attnewton {

/// Importances of the local query rows, of mean 1 over all ranks: three quarters of a row's comes from a size
/// of its terms, the last quarter is the same for every row, so that no weight is above 4 n/s however wrong
/// the sizes are.
///
/// By norm the sizes are ‖a_j‖² m_j in X (half) and ‖t_j‖² in Y (a quarter), where m_j bounds M_j by the
/// spreads of keys k and outputs h = A₃Y under row j's softmax: ‖K_j‖² ≤ V_j U_j with V_j = Σ_k f_jk ‖k −
/// mean key‖² and U_j = Σ_k f_jk ‖h_k − o_j‖² (Cauchy–Schwarz), and what the exact form adds to K_j K_jᵀ is
/// of the size of V_j ‖c_j‖ √U_j.
///
/// By leverage they are block leverage scores of row j in the Jacobian of (X, Y): that of t_j ⊗ I_e in Y,
/// e t_jᵀK_y⁻¹t_j, and tr(J_jᵀ H⁻¹ J_j) of what is left of a_j ⊗ K_j in X once Y follows, J_j = a_j ⊗ K_j −
/// H_xy (K_y⁻¹t_j ⊗ I). The latter is estimated on the problem of outputs projected on random ω_r and of
/// logits' directions u w_rᵀ, u any, the w_r drawn with the inverse Gram matrix of the centred keys:
/// s_jr = w_rᵀK_jω_r, an average under the softmax, is then all that is needed of K_j, and J_j becomes
/// s_jr a_j − (Σ_i s_ir a_i t_iᵀ) K_y⁻¹t_j, whose leverage scores among all rows and r are exact. Second
/// derivatives of the residual are left out (docs/mathematics.md §12).
///
/// `probes` gives w_r and ω_r. Collective; an average of at most 32 columns (a quarter to a third of a
/// gradient), by leverage some 35 n d² multiply–adds more; nothing for uniform.
Vector attention_importances(const AttentionProblem& problem, const AttentionPoint& point, RowSampling rule,
                             HessianForm form, const RandomStream& probes);

}  // namespace attnewton
