// From query rows to an attention Hessian in block-cyclic storage. Internal to this module.
#pragma once

#include "attnewton/curvature/attention_rows.hpp"
#include "attnewton/linalg/distributed_matrix.hpp"

namespace attnewton {

/// H_yy = K_y ⊗ I_e of the same rows and weights as the rest, whole on every rank: K_y for joint variables,
/// its lower Cholesky factor for projected ones; the other one is not read.
struct YBlock {
  const Matrix& gram;
  const Matrix& factor;
};

/// Overwrites the lower triangle of `h`, unknowns × unknowns, with [H_xx H_xy; H_yx H_yy] summed over `rows`
/// of all ranks, or with its Schur complement for projected variables; the regulariser is that of the whole
/// problem. A rank may have no rows. Collective; cost as AttentionHessian, with these rows in place of all.
void assemble_attention_hessian(const AttentionProblem& problem, const AttentionPoint& point,
                                const AttentionRows& rows, HessianForm form, const YBlock& y,
                                DistributedMatrix& h);

}  // namespace attnewton
