// Weighted Gram matrices, and what of rank 2 is added to them, summed over ranks into block-cyclic storage.
#pragma once

#include <vector>

#include "attnewton/curvature/weighted_gram.hpp"
#include "attnewton/linalg/distributed_matrix.hpp"

namespace attnewton {

/// Aᵀ diag(weights) A; both are referred to.
struct WeightedGramTerm {
  const WeightedGram& gram;
  const Vector& weights;
};

/// Adds Σ over ranks and `terms` (at least one) to the lower triangle of h, which is as wide as the matrices
/// of all terms. Panels of rows go to the owners of h's tiles while the next ones are being added up; memory
/// a few panels. Collective on h's grid; cost that of the terms' panels.
void add_weighted_grams(const std::vector<WeightedGramTerm>& terms, DistributedMatrix& h);

/// Aᵀ first and Aᵀ second, whole on every rank.
struct PulledBack {
  Vector first;
  Vector second;
};

/// From this rank's rows of A and of both vectors. Collective, one reduction; 4·entries flops.
PulledBack pull_back(const Communicator& comm, const RowMatrix& a, const Vector& first, const Vector& second);

/// Adds κ g gᵀ − g mᵀ − m gᵀ to h; g and m are whole on every rank. Local, O(entries of h's share).
void add_rank_two(double kappa, const Vector& g, const Vector& m, DistributedMatrix& h);

}  // namespace attnewton
