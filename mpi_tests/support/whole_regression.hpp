// Small regressions on one vector held whole by every rank, for tests: their shares as the product takes
// them, and their objective written out plainly for double or hyper-dual numbers, sharing no code with the
// product.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "attnewton/problems/regression.hpp"

#include "support/hyper_dual.hpp"
#include "support/shared_rows.hpp"

namespace attnewton::testing_support {

/// Both ways to hold A.
inline constexpr Storage storages[] = {Storage::dense, Storage::sparse};

/// A regression with all its rows.
struct WholeRegression {
  Matrix a;
  Vector b;
  Vector weights = {};  ///< empty: none
  LinkFunction link = {};
  Normalisation normalisation = Normalisation::softmax;
  double ridge = 0;

  std::string name() const;
};

/// Every link (powers 2, 0.5 and −1.5) with every normalisation, each with weights or a ridge or both or
/// neither; n = 23, d = 5, A without negative entries and half of them 0, so that A x > 0 for x > 0.
std::vector<WholeRegression> test_regressions();

/// An x > 0 of moderate size, the same on every rank.
Vector positive_point(Index unknowns, std::uint64_t seed);

/// This rank's share as the product takes it.
RegressionData regression_data(const Communicator& comm, const WholeRegression& whole, Storage storage);
RegressionOptions regression_options(const Communicator& comm, const WholeRegression& whole);
RegressionProblem regression_problem(const Communicator& comm, const WholeRegression& whole, Storage storage);

/// The point as what regressions take.
inline const RegressionPoint& of_regression(const std::unique_ptr<Point>& point) {
  return static_cast<const RegressionPoint&>(*point);
}

/// L, its gradient and its Hessian, from the definition of L alone.
SecondOrder regression_oracle(const WholeRegression& whole, const Vector& x);

/// JᵀJ + Aᵀ diag(w²) A + λI, J the Jacobian of the residual, by its definition alone.
Matrix regression_gauss_newton_oracle(const WholeRegression& whole, const Vector& x);

}  // namespace attnewton::testing_support
