// The parts of a regression's Hessian, into block-cyclic storage (MATHEMATICS §2). Internal to this module.
#pragma once

#include "attnewton/curvature/weighted_gram.hpp"
#include "attnewton/linalg/distributed_matrix.hpp"
#include "attnewton/problems/regression.hpp"

namespace attnewton {

/// h += Aᵀ diag(weights) A, summed over ranks, for the rows of `gram`. Collective; cost as WeightedGram's.
void add_gram(const WeightedGram& gram, const Vector& weights, DistributedMatrix& h);

/// h += κ g gᵀ − g mᵀ − m gᵀ of vectors that are whole on every rank. Local, O(entries of h here).
void add_rank_two(double kappa, const Vector& g, const Vector& m, DistributedMatrix& h);

/// h += κ g gᵀ − g mᵀ − m gᵀ with g = Aᵀg̃ and m = Aᵀs over all rows, where the problem has it, and λI.
/// Collective; 4·entries flops.
void add_rank_two_and_ridge(const RegressionProblem& problem, const ScoreCurvature& curvature,
                            DistributedMatrix& h);

}  // namespace attnewton
