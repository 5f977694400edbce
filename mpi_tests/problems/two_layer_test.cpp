// Derivatives of the two-layer regression against hyper-dual numbers and differences; shares of any number of
// ranks against the whole.
#include "attnewton/problems/two_layer.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"
#include "attnewton/problems/derivative_check.hpp"

#include "support/whole_two_layer.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

constexpr Storage storages[] = {Storage::dense, Storage::sparse};

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

// Every rank meets the error that one rank's share has.
TEST(TwoLayer, RefusesSharesThatDoNotFit) {
  const auto comm = Communicator::world();
  const bool is_last = comm.rank() == comm.size() - 1;
  const WholeTwoLayer whole = random_two_layer(Activation::relu, 23, 5, 7, 5);
  const auto made_with = [&](const auto& spoil) {
    TwoLayerData data = two_layer_data(comm, whole, Storage::dense);
    TwoLayerOptions options = two_layer_options(comm, whole);
    if (is_last) spoil(data, options);
    return TwoLayerProblem(comm, std::move(data), std::move(options)).unknowns();
  };
  using Data = TwoLayerData;
  using Options = TwoLayerOptions;
  // The DataError's message.
  const auto refusal = [&](const auto& spoil) -> std::string {
    try {
      made_with(spoil);
    } catch (const DataError& error) {
      return error.what();
    }
    return "not refused";
  };
  const auto expect = [](const std::string& message, const std::string& part) {
    EXPECT_NE(message.find(part), std::string::npos) << message << "\nlacks: " << part;
  };
  const auto share = [&](Index rows, Index columns, Index outputs) {
    return Data{Matrix(Matrix::Ones(rows, columns)), Matrix::Ones(outputs, rows), whole.b, 22};
  };
  EXPECT_EQ(made_with([](Data&, Options&) {}), 5);
  EXPECT_EQ(made_with([&](Data& data, Options&) { data = share(1, 5, 7); }), 5);
  expect(refusal([&](Data& data, Options&) {
           data = share(1, 5, 7);
           data.a2.resize(7, 3);
         }),
         "A2 has 3 columns for the 1 rows of A1");
  expect(refusal([&](Data& data, Options&) { data = share(1, 5, 6); }), "b and A2 differ in rows: 7 and 6");
  expect(refusal([&](Data& data, Options&) { data = share(1, 0, 7); }), "A1 has no columns");
  expect(refusal([&](Data& data, Options&) {
           data = share(1, 5, 7);
           data.a2(4, 0) = INFINITY;
         }),
         "A2: inf at row 4, column 22 (counted from 0)");
  expect(refusal([&](Data& data, Options&) {
           data = share(1, 5, 7);
           data.a1 = Matrix(Matrix::Constant(1, 5, std::nan("")));
         }),
         "A1: nan at row 22, column 0 (counted from 0)");
  expect(refusal([](Data& data, Options&) { data.target[3] = std::nan(""); }), "b: nan at row 3");
  expect(refusal([](Data& data, Options&) {
           data.target.resize(0);
           data.a2.resize(0, data.a2.cols());
         }),
         "b is empty");
  expect(refusal([](Data&, Options& o) { o.weights = Vector::Ones(99); }), "the weights and A1 differ");
  EXPECT_THROW(made_with([](Data&, Options& o) { o.ridge = -1; }), UsageError);
  EXPECT_THROW(made_with([](Data&, Options& o) { o.ridge = INFINITY; }), UsageError);
  EXPECT_THROW(TwoLayerProblem(comm, {Matrix(0, 5), Matrix(7, 0), whole.b, 0}, {}), DataError);
  if (comm.size() == 1) return;
  expect(refusal([&](Data& data, Options&) { data = share(1, 6, 7); }), "rows of A1 differ in width");
  expect(refusal([](Data& data, Options&) { data.target[3] += 1; }), "the ranks' b differ");
  expect(refusal([&](Data& data, Options&) {
           data = share(1, 5, 6);
           data.target = Vector::Ones(6);
         }),
         "differ in length");
  expect(refusal([&](Data& data, Options& o) {
           data = share(1, 5, 7);
           o.weights = Vector::Ones(1);
         }),
         "some ranks' rows have weights");
}

}  // namespace
}  // namespace attnewton
