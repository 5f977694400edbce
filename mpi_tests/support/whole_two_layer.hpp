// Small two-layer regressions held whole by every rank, for tests: their shares as the product takes them,
// and their objective written out plainly for hyper-dual numbers, sharing no code with the product.
#pragma once

#include <string>
#include <vector>

#include "attnewton/problems/two_layer.hpp"

#include "support/hyper_dual.hpp"
#include "support/whole_regression.hpp"

namespace attnewton::testing_support {

/// A two-layer regression with all its rows.
struct WholeTwoLayer {
  Matrix a1;
  Matrix a2;
  Vector b;
  Vector weights = {};  ///< empty: none
  Activation activation = Activation::relu;
  double ridge = 0;

  std::string name() const;
};

/// Normal A₁ (n × d, half of its entries 0 but none in its first column), A₂ (m × n), b.
WholeTwoLayer random_two_layer(Activation activation, Index n, Index d, Index m, std::uint64_t seed);

/// Every activation, alone, with weights, with a ridge and with both; n = 23 with m = 7 or 31, or n = 2; d
/// = 5. relu: no output comes near its corner at moderate_point().
std::vector<WholeTwoLayer> test_two_layers();

/// Normal numbers of moderate size, the same on every rank.
Vector moderate_point(Index unknowns, std::uint64_t seed);

/// This rank's share as the product takes it: rows as rows_of_rank() shares them out.
TwoLayerData two_layer_data(const Communicator& comm, const WholeTwoLayer& whole, Storage storage);
TwoLayerOptions two_layer_options(const Communicator& comm, const WholeTwoLayer& whole);
TwoLayerProblem two_layer_problem(const Communicator& comm, const WholeTwoLayer& whole, Storage storage);

/// L, its gradient and its Hessian, from the definition of L alone.
SecondOrder two_layer_oracle(const WholeTwoLayer& whole, const Vector& x);

/// Σ over residuals and weighted scores of the outer product of their gradients, + λI.
Matrix gauss_newton_oracle(const WholeTwoLayer& whole, const Vector& x);

}  // namespace attnewton::testing_support
