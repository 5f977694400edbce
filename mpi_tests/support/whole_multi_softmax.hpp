// Small multiple softmax regressions held whole by every rank, for tests: their shares as the product takes
// them, and their objective written out plainly, sharing no code with the product.
#pragma once

#include <string>
#include <vector>

#include "attnewton/problems/multi_softmax.hpp"

#include "support/hyper_dual.hpp"

namespace attnewton::testing_support {

/// A regression with all its rows.
struct WholeMultiSoftmax {
  Matrix a1, a2, b;
  double scale = 1;
  Normalisation normalisation = Normalisation::softmax;
  Vector weights = {};  ///< empty: none
  double ridge = 0;

  std::string name() const;
};

/// Every normalisation without regulariser, with weights, with a ridge and with both; sizes 1, and n ≠ m,
/// d₁ ≠ d₂, scale ≠ 1.
std::vector<WholeMultiSoftmax> test_multi_softmaxes();

/// Normal A₁ and A₂, and B as if made by weights that sum to 1, for moderate sizes.
WholeMultiSoftmax random_multi_softmax(Index n, Index m, Index d1, Index d2, std::uint64_t seed);

/// θ of normal numbers times `size`, the same on every rank.
Vector normal_point(Index unknowns, double size, std::uint64_t seed);

/// This rank's share as the product takes it; of three ranks or more rank 1 has no rows.
MultiSoftmaxData multi_softmax_data(const Communicator& comm, const WholeMultiSoftmax& whole);
MultiSoftmaxOptions multi_softmax_options(const Communicator& comm, const WholeMultiSoftmax& whole);
MultiSoftmaxProblem multi_softmax_problem(const Communicator& comm, const WholeMultiSoftmax& whole);

/// L, its gradient and its Hessian, from the definition of L alone.
SecondOrder multi_softmax_oracle(const WholeMultiSoftmax& whole, const Vector& theta);
/// JᵀJ of the residual, and the regulariser's Hessian.
Matrix multi_softmax_gauss_newton_oracle(const WholeMultiSoftmax& whole, const Vector& theta);

}  // namespace attnewton::testing_support
