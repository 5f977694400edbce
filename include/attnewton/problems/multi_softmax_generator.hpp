// Planted multiple softmax regressions: random queries and keys, a known X*, and the target that it makes.
#pragma once

#include <cstdint>

#include "attnewton/problems/multi_softmax.hpp"

namespace attnewton {

struct MultiSoftmaxRecipe {
  Index rows = 256;  ///< n: rows of A₁ and B
  Index keys = 0;    ///< m: rows of A₂, columns of B; 0: n
  Index width = 8;   ///< d₁ = d₂
  Normalisation normalisation = Normalisation::softmax;
  double score_scale = 2;  ///< standard deviation of the scores
  double noise = 0;  ///< standard deviation of the normal noise on B, relative to the root mean square of B
  std::uint64_t seed = 1;
};

/// A recipe's problem: A₁ and A₂ standard normal; B = softmax of the rows of A₁X*A₂ᵀ, which both normalised
/// forms fit without residual, or with Normalisation::none exp of them, plus noise. `data` is this rank's
/// share.
struct PlantedMultiSoftmax {
  MultiSoftmaxData data;
  Range rows;  ///< of A₁, on this rank
  Matrix x;    ///< X*, d × d
};

/// Makes the recipe's problem, the same within rounding for any number of ranks. Collective on `comm`; cost a
/// product of size n·m·d and n m exponentials. Throws UsageError for sizes that make no sense.
PlantedMultiSoftmax generate_multi_softmax(const Communicator& comm, const MultiSoftmaxRecipe& recipe);

}  // namespace attnewton
