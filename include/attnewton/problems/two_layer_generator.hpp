// Planted two-layer regressions: random matrices, a known x*, and the target that it makes.
#pragma once

#include <cstdint>

#include "attnewton/problems/two_layer.hpp"

namespace attnewton {

struct TwoLayerRecipe {
  Index rows = 256;   ///< n: rows of A₁, columns of A₂
  Index width = 8;    ///< d
  Index outputs = 4;  ///< m: rows of A₂
  Activation activation = Activation::relu;
  double score_scale = 2;  ///< standard deviation of the scores A₁x*
  double noise = 0;  ///< standard deviation of the normal noise on b, relative to the root mean square of b
  std::uint64_t seed = 1;
};

/// A recipe's problem: A₁ standard normal, A₂ normal and such that the outputs A₂ softmax(A₁x*) have a root
/// mean square of about 1, b = σ of them, plus noise. `data` is this rank's share.
struct PlantedTwoLayer {
  TwoLayerData data;
  Range rows;  ///< of A₁, on this rank
  Vector x;    ///< x*, d
};

/// Makes the recipe's problem, the same within rounding for any number of ranks. Collective on `comm`; cost
/// O(n (d + m)). Throws UsageError for sizes that make no sense.
PlantedTwoLayer generate_two_layer(const Communicator& comm, const TwoLayerRecipe& recipe);

}  // namespace attnewton
