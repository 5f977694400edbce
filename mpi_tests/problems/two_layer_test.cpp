// Derivatives of the two-layer regression against hyper-dual numbers and differences; shares of any number of
// ranks against the whole.
#include "attnewton/problems/two_layer.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"
#include "attnewton/problems/derivative_check.hpp"

#include "support/whole_regression.hpp"
#include "support/whole_two_layer.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

TEST(TwoLayer, DerivativesAgreeWithDifferences) {
  for (const WholeTwoLayer& whole : test_two_layers()) {
    for (const Storage storage : storages) {
      SCOPED_TRACE(whole.name());
      const TwoLayerProblem problem = two_layer_problem(Communicator::world(), whole, storage);
      const DerivativeErrors errors =
          check_derivatives(problem, moderate_point(problem.unknowns(), 7), {}, {.step = 3e-4});
      EXPECT_LE(errors.gradient, 1e-7);
      EXPECT_LE(errors.hessian_vector, 1e-7);
    }
  }
}

TEST(TwoLayer, AgreesWithHyperDualNumbers) {
  for (const WholeTwoLayer& whole : test_two_layers()) {
    for (const Storage storage : storages) {
      SCOPED_TRACE(whole.name());
      const TwoLayerProblem problem = two_layer_problem(Communicator::world(), whole, storage);
      const Vector x = moderate_point(problem.unknowns(), 7);
      const SecondOrder expected = two_layer_oracle(whole, x);
      const auto point = problem.evaluate(x);
      EXPECT_NEAR(point->objective().loss, expected.value, 1e-13 * expected.value);
      EXPECT_LE((problem.gradient(*point) - expected.gradient).norm(), 1e-12 * expected.gradient.norm());
      const Vector v = moderate_point(problem.unknowns(), 9);
      EXPECT_LE((problem.hessian_vector(*point, v) - expected.hessian * v).norm(),
                1e-12 * expected.hessian.norm() * v.norm());
    }
  }
}

TEST(TwoLayer, IsTheSameProblemOnAnyNumberOfRanks) {
  for (const WholeTwoLayer& whole : test_two_layers()) {
    for (const Storage storage : storages) {
      SCOPED_TRACE(whole.name());
      const TwoLayerProblem shared = two_layer_problem(Communicator::world(), whole, storage);
      const TwoLayerProblem alone = two_layer_problem(Communicator::self(), whole, Storage::dense);
      const Vector x = moderate_point(shared.unknowns(), 10);
      const auto here = shared.evaluate(x);
      const auto there = alone.evaluate(x);
      EXPECT_NEAR(here->objective().loss, there->objective().loss, 1e-13 * there->objective().loss);
      EXPECT_NEAR(here->objective().data_loss, there->objective().data_loss,
                  1e-13 * there->objective().data_loss);
      EXPECT_NEAR(here->objective().relative_residual, there->objective().relative_residual, 1e-12);
      const Vector gradient = alone.gradient(*there);
      EXPECT_LE((shared.gradient(*here) - gradient).norm(), 1e-12 * gradient.norm());
      const Vector v = moderate_point(shared.unknowns(), 11);
      const Vector product = alone.hessian_vector(*there, v);
      EXPECT_LE((shared.hessian_vector(*here, v) - product).norm(), 1e-12 * product.norm());
    }
  }
}

TEST(TwoLayer, RelativeResidualIsThatToTheTarget) {
  // f = (1/2, 1/2), y = (3, −1).
  WholeTwoLayer whole{Matrix::Zero(2, 1), (Matrix(2, 2) << 2, 4, -1, -1).finished(), Vector(2)};
  const auto relative_residual = [&](Activation activation, double first, double second) {
    whole.activation = activation;
    whole.b << first, second;
    return two_layer_problem(Communicator::world(), whole, Storage::dense)
        .evaluate(Vector::Ones(1))
        ->objective()
        .relative_residual;
  };
  EXPECT_NEAR(relative_residual(Activation::identity, 4, 0), std::sqrt(2.0) / 4, 1e-15);
  EXPECT_NEAR(relative_residual(Activation::relu, 0, 1), std::sqrt(10.0), 1e-15);
  EXPECT_EQ(relative_residual(Activation::relu, 3, 0), 0);
  EXPECT_NEAR(relative_residual(Activation::tanh, 1, 0), std::hypot(std::tanh(3.0) - 1, std::tanh(-1.0)),
              1e-15);
}

// A column of ones moves all scores at once: softmax does not see it, however far.
TEST(TwoLayer, SoftmaxNeverOverflows) {
  WholeTwoLayer whole = random_two_layer(Activation::tanh, 23, 5, 7, 3);
  whole.a1.col(0).setOnes();
  const TwoLayerProblem problem = two_layer_problem(Communicator::world(), whole, Storage::sparse);
  Vector x = moderate_point(problem.unknowns(), 12);
  const Vector v = moderate_point(problem.unknowns(), 13);
  const auto point = problem.evaluate(x);
  for (const double shift : {-1e5, -700.0, 700.0, 1e5}) {
    x[0] += shift;
    const auto moved = problem.evaluate(x);
    x[0] -= shift;
    const double loss = point->objective().loss;
    EXPECT_NEAR(moved->objective().loss, loss, 1e-9 * loss);
    EXPECT_LE((problem.gradient(*moved) - problem.gradient(*point)).norm(),
              1e-9 * problem.gradient(*point).norm());
    const Vector product = problem.hessian_vector(*point, v);
    EXPECT_LE((problem.hessian_vector(*moved, v) - product).norm(), 1e-9 * product.norm());
  }
  x[1] = 1e6;  // rows far apart: all of f on one of them
  const auto far = problem.evaluate(x);
  EXPECT_TRUE(far->objective().is_finite());
  EXPECT_TRUE(problem.gradient(*far).allFinite());
}

TEST(TwoLayer, SaysWhatOverflows) {
  const auto comm = Communicator::world();
  WholeTwoLayer whole = random_two_layer(Activation::identity, 24, 24, 3, 4);
  whole.a1 = Matrix::Identity(24, 24);
  const auto obstacle_at = [&](const Vector& x) {
    const TwoLayerProblem problem = two_layer_problem(comm, whole, Storage::sparse);
    const auto point = problem.evaluate(x);
    EXPECT_EQ(point->objective().is_finite(), point->obstacle().empty());
    return point->obstacle();
  };
  Vector x = Vector::Ones(24);
  EXPECT_EQ(obstacle_at(x), "");
  x[23] = -INFINITY;
  x[17] = std::nan("");
  const std::string obstacle = obstacle_at(x);
  EXPECT_NE(obstacle.find("row 17 (counted from 0): z = (A1 x) = nan is not finite"), std::string::npos)
      << obstacle;
  x.setOnes();
  whole.b[1] = 1e200;
  EXPECT_NE(obstacle_at(x).find("the loss overflows"), std::string::npos);
  whole.b[1] = 1;
  whole.weights = Vector::Constant(24, 1e160);
  EXPECT_NE(obstacle_at(x).find("A2 or A1 x are too large"), std::string::npos);
}

// A problem of which the last rank's share and options are spoilt by `spoil`. Gives its number of unknowns.
template <class Spoil>
Index unknowns_of_spoilt(const Spoil& spoil) {
  const auto comm = Communicator::world();
  const WholeTwoLayer whole = random_two_layer(Activation::relu, 23, 5, 7, 5);
  TwoLayerData data = two_layer_data(comm, whole, Storage::dense);
  TwoLayerOptions options = two_layer_options(comm, whole);
  if (comm.rank() == comm.size() - 1) spoil(data, options);
  return TwoLayerProblem(comm, std::move(data), std::move(options)).unknowns();
}

// Every rank meets the error that the last one's share has, and its message has `part` in it.
template <class Spoil>
void expect_refused(const char* part, const Spoil& spoil) {
  try {
    unknowns_of_spoilt(spoil);
    ADD_FAILURE() << "not refused: " << part;
  } catch (const DataError& error) {
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what() << "\nlacks: " << part;
  }
}

// One row of A₁, number 22, and one column of A₂, all ones.
TwoLayerData one_row(Index columns, Index outputs) {
  return {Matrix(Matrix::Ones(1, columns)), Matrix::Ones(outputs, 1), Vector::Ones(outputs), 22};
}

TEST(TwoLayer, RefusesSharesThatDoNotFit) {
  EXPECT_EQ(unknowns_of_spoilt([](TwoLayerData&, TwoLayerOptions&) {}), 5);
  expect_refused("A2 has 3 columns for the 1 rows of A1", [](TwoLayerData& data, TwoLayerOptions&) {
    data = one_row(5, 7);
    data.a2.resize(7, 3);
  });
  expect_refused("b and A2 differ in rows: 7 and 6", [](TwoLayerData& data, TwoLayerOptions&) {
    data = one_row(5, 6);
    data.target = Vector::Ones(7);
  });
  expect_refused("A1 has no columns", [](TwoLayerData& data, TwoLayerOptions&) { data = one_row(0, 7); });
  expect_refused("b is empty", [](TwoLayerData& data, TwoLayerOptions&) { data = one_row(5, 0); });
  expect_refused("the weights and A1 differ in rows",
                 [](TwoLayerData&, TwoLayerOptions& options) { options.weights = Vector::Ones(99); });
  const auto with_ridge = [](double ridge) {
    return unknowns_of_spoilt([&](TwoLayerData&, TwoLayerOptions& options) { options.ridge = ridge; });
  };
  EXPECT_THROW(with_ridge(-1), UsageError);
  EXPECT_THROW(with_ridge(INFINITY), UsageError);
  EXPECT_THROW(TwoLayerProblem(Communicator::world(), {Matrix(0, 5), Matrix(7, 0), Vector::Ones(7), 0}, {}),
               DataError);
}

TEST(TwoLayer, NamesNumbersThatAreNotFinite) {
  expect_refused("A2: inf at row 4, column 22 (counted from 0)", [](TwoLayerData& data, TwoLayerOptions&) {
    data = one_row(5, 7);
    data.a2(4, 0) = INFINITY;
  });
  expect_refused("A1: nan at row 22, column 0 (counted from 0)", [](TwoLayerData& data, TwoLayerOptions&) {
    data = one_row(5, 7);
    data.a1 = Matrix(Matrix::Constant(1, 5, std::nan("")));
  });
  expect_refused("b: nan at row 3",
                 [](TwoLayerData& data, TwoLayerOptions&) { data.target[3] = std::nan(""); });
}

TEST(TwoLayer, RefusesSharesThatDisagree) {
  if (Communicator::world().size() == 1) GTEST_SKIP() << "one rank agrees with itself";
  expect_refused("rows of A1 differ in width",
                 [](TwoLayerData& data, TwoLayerOptions&) { data = one_row(6, 7); });
  expect_refused("the ranks' b differ", [](TwoLayerData& data, TwoLayerOptions&) { data.target[3] += 1; });
  expect_refused("differ in length", [](TwoLayerData& data, TwoLayerOptions&) { data = one_row(5, 6); });
  expect_refused("some ranks' rows have weights", [](TwoLayerData& data, TwoLayerOptions& options) {
    data = one_row(5, 7);
    options.weights = Vector::Ones(1);
  });
}

}  // namespace
}  // namespace attnewton
