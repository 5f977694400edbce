// How much query rows matter to an attention Hessian, before their matrices are known. Internal to this
// module.
#pragma once

#include "attnewton/problems/attention.hpp"
#include "attnewton/sketch/row_sample.hpp"

namespace attnewton {

/// Importances of the local query rows, of mean 1 over all ranks. M_j is sized up by the second moments of
/// keys k and outputs h = A₃Y under row j's softmax: ‖K_j‖² ≤ V_j U_j with V_j = Σ_k f_jk ‖k − mean key‖² and
/// U_j = Σ_k f_jk ‖h_k − o_j‖² (Cauchy–Schwarz), and what the exact form adds to K_j K_jᵀ is of the size of
/// V_j ‖c_j‖ √U_j; call their sum m_j. By norm a row weighs ‖a_j‖² m_j in X and ‖t_j‖² in Y, by leverage the
/// leverage scores of √m_j a_j and of t_j, which is what counts if M_j / m_j is about the same for all j.
/// Half of a row's importance comes from its share in X, a quarter from that in Y; the last quarter is the
/// same for every row, so that no weight is above 4 n/s however wrong the bounds are. Collective; 1 product
/// of n·m·d and an exponential a visible score (a quarter of a gradient), n d² more by leverage; nothing for
/// uniform.
Vector attention_importances(const AttentionProblem& problem, const AttentionPoint& point, RowSampling rule,
                             HessianForm form);

}  // namespace attnewton
