// What a regression's Hessian has besides the Gram matrix, into block-cyclic storage (MATHEMATICS §2).
// Internal to this module.
#pragma once

#include "attnewton/linalg/distributed_matrix.hpp"
#include "attnewton/problems/regression.hpp"

namespace attnewton {

/// h += κ g gᵀ − g mᵀ − m gᵀ with g = Aᵀg̃ and m = Aᵀs over all rows, where the problem has it, and λI.
/// Collective; O(entries of h's share) after gradient() at the point, else a pass over A more.
void add_rank_two_and_ridge(const RegressionProblem& problem, const RegressionPoint& point, HessianForm form,
                            DistributedMatrix& h);

}  // namespace attnewton
