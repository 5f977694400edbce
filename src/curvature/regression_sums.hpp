// What a regression's Hessian has besides the Gram matrix, into block-cyclic storage (MATHEMATICS §2). Internal to this module.
#pragma once

#include "attnewton/linalg/distributed_matrix.hpp"
#include "attnewton/problems/regression.hpp"

namespace attnewton {

/// h += κ g gᵀ − g mᵀ − m gᵀ with g = Aᵀg̃ and m = Aᵀs over all rows, where the problem has it, and λI.
/// Collective; 4·entries flops.
void add_rank_two_and_ridge(const RegressionProblem& problem, const ScoreCurvature& curvature,
                            DistributedMatrix& h);

}  // namespace attnewton
