// Derivatives of multiple softmax regressions against hyper-dual numbers, differences and the attention
// problem; shares of any number of ranks against the whole.
#include "attnewton/problems/multi_softmax.hpp"

#include <cmath>
#include <functional>
#include <string>

#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"
#include "attnewton/parallel/threads.hpp"
#include "attnewton/problems/attention.hpp"
#include "attnewton/problems/derivative_check.hpp"

#include "support/whole_multi_softmax.hpp"
#include "support/whole_regression.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

TEST(MultiSoftmax, AgreesWithHyperDualNumbers) {
  for (const WholeMultiSoftmax& whole : test_multi_softmaxes()) {
    SCOPED_TRACE(whole.name());
    const MultiSoftmaxProblem problem = multi_softmax_problem(Communicator::world(), whole);
    const Vector theta = normal_point(problem.unknowns(), 0.5, 8);
    const SecondOrder expected = multi_softmax_oracle(whole, theta);
    const Vector v = normal_point(problem.unknowns(), 1, 9);
    for (const auto& point : {problem.evaluate(theta), problem.evaluate_with_gradient(theta)}) {
      EXPECT_NEAR(point->objective().loss, expected.value, 1e-13 * expected.value);
      EXPECT_LE((problem.gradient(*point) - expected.gradient).norm(),
                1e-12 * expected.gradient.norm() + 1e-15);
      for (int product = 0; product < 2; ++product)
        EXPECT_LE((problem.hessian_vector(*point, v) - expected.hessian * v).norm(),
                  1e-12 * expected.hessian.norm() * v.norm() + 1e-15);
    }
  }
}

// Several tiles of rows and chunks of keys.
TEST(MultiSoftmax, DerivativesAgreeWithDifferences) {
  for (const auto normalisation : {Normalisation::softmax, Normalisation::rescaled, Normalisation::none}) {
    SCOPED_TRACE(to_string(normalisation));
    WholeMultiSoftmax whole = random_multi_softmax(150, 300, 3, 5, 17);
    whole.normalisation = normalisation;
    whole.scale = 0.5;
    whole.ridge = 0.01;
    const MultiSoftmaxProblem problem = multi_softmax_problem(Communicator::world(), whole);
    const DerivativeErrors errors =
        check_derivatives(problem, normal_point(problem.unknowns(), 0.3, 7), {}, {.step = 3e-4});
    EXPECT_LE(errors.gradient, 1e-7);
    EXPECT_LE(errors.hessian_vector, 1e-7);
  }
}

TEST(MultiSoftmax, IsTheSameProblemOnAnyNumberOfRanks) {
  std::vector<WholeMultiSoftmax> problems = test_multi_softmaxes();
  problems.push_back(random_multi_softmax(170, 140, 4, 2, 33));
  for (const WholeMultiSoftmax& whole : problems) {
    SCOPED_TRACE(whole.name());
    const MultiSoftmaxProblem shared = multi_softmax_problem(Communicator::world(), whole);
    const MultiSoftmaxProblem alone = multi_softmax_problem(Communicator::self(), whole);
    const Vector theta = normal_point(shared.unknowns(), 0.5, 10);
    const auto here = shared.evaluate(theta);
    const auto there = alone.evaluate(theta);
    EXPECT_NEAR(here->objective().loss, there->objective().loss, 1e-13 * there->objective().loss);
    EXPECT_NEAR(here->objective().data_loss, there->objective().data_loss,
                1e-13 * there->objective().data_loss);
    EXPECT_NEAR(here->objective().relative_residual, there->objective().relative_residual, 1e-12);
    const Vector gradient = alone.gradient(*there);
    EXPECT_LE((shared.gradient(*here) - gradient).norm(), 1e-13 * gradient.norm());
    const Vector v = normal_point(shared.unknowns(), 1, 11);
    const Vector product = alone.hessian_vector(*there, v);
    EXPECT_LE((shared.hessian_vector(*here, v) - product).norm(), 1e-12 * product.norm());
  }
}

TEST(MultiSoftmax, GivesTheSameBitsForAnyNumberOfThreads) {
  const MultiSoftmaxProblem problem =
      multi_softmax_problem(Communicator::world(), random_multi_softmax(400, 200, 3, 4, 5));
  const Vector theta = normal_point(problem.unknowns(), 0.5, 12);
  const auto with_two = problem.evaluate(theta);
  const Vector gradient = problem.gradient(*with_two);
  const Vector product = problem.hessian_vector(*with_two, theta);
  const ThreadLimit one(1);
  const auto with_one = problem.evaluate(theta);
  EXPECT_EQ(with_one->objective().loss, with_two->objective().loss);
  EXPECT_EQ(problem.gradient(*with_one), gradient);
  EXPECT_EQ(problem.hessian_vector(*with_one, theta), product);
}

// More scores in a tile than are kept: against whole matrices.
TEST(MultiSoftmax, GoesTwiceThroughKeysThatAreTooManyToKeep) {
  WholeMultiSoftmax whole = random_multi_softmax(64, 16500, 2, 2, 21);
  whole.scale = 0.5;
  for (const auto normalisation : {Normalisation::softmax, Normalisation::rescaled}) {
    whole.normalisation = normalisation;
    const MultiSoftmaxProblem problem = multi_softmax_problem(Communicator::self(), whole);
    const Vector theta = normal_point(4, 0.7, 13);
    const Matrix x = ConstMatrixView(theta.data(), 2, 2);
    Matrix u = (whole.scale * whole.a1 * x * whole.a2.transpose()).array().exp();
    const Vector alpha = u.rowwise().sum();
    Matrix c = u - alpha.asDiagonal() * whole.b;
    Vector along = c.cwiseProduct(whole.b).rowwise().sum();
    if (normalisation == Normalisation::softmax) {
      u = alpha.cwiseInverse().asDiagonal() * u;
      c = u - whole.b;
      along = c.cwiseProduct(u).rowwise().sum();
    }
    const Matrix p = u.cwiseProduct(c.colwise() - along);
    const Matrix gradient = whole.scale * whole.a1.transpose() * p * whole.a2;
    const auto point = problem.evaluate_with_gradient(theta);
    EXPECT_NEAR(point->objective().loss, 0.5 * c.squaredNorm(), 1e-12 * c.squaredNorm());
    EXPECT_LE((problem.gradient(*point) - Vector(Eigen::Map<const Vector>(gradient.data(), 4))).norm(),
              1e-11 * gradient.norm());
  }
}

// The joint attention problem with A₃ = I and Y = I, whose key weights are 0: its loss and its X part are
// those of the softmax form.
AttentionProblem as_attention(const Communicator& comm, const WholeMultiSoftmax& whole) {
  const MultiSoftmaxData share = multi_softmax_data(comm, whole);
  const Index m = whole.a2.rows();
  AttentionData data;
  data.queries = share.queries;
  data.keys = share.keys;
  data.separate_values = Matrix::Identity(m, m);
  data.values_are_keys = false;
  data.target = share.target;
  data.scale = whole.scale;
  if (share.queries.rows() > 0)
    data.sequences = {{{0, share.queries.rows()}, {0, m}, share.first_row, share.first_row == 0}};
  RegulariserOptions regulariser;
  if (whole.weights.size() > 0) {
    regulariser.query_weights = multi_softmax_options(comm, whole).weights;
    regulariser.key_weights = Vector::Zero(m);
  }
  return {comm, std::move(data), regulariser, AttentionVariables::joint};
}

TEST(MultiSoftmax, IsAttentionWithUnitValues) {
  WholeMultiSoftmax whole = random_multi_softmax(90, 140, 3, 4, 41);
  whole.scale = 0.8;
  for (const bool is_weighted : {false, true}) {
    if (is_weighted) whole.weights = 0.1 * normal_point(90, 1, 42);
    const MultiSoftmaxProblem problem = multi_softmax_problem(Communicator::world(), whole);
    const AttentionProblem attention = as_attention(Communicator::world(), whole);
    const Index unknowns = problem.unknowns();
    const Vector theta = normal_point(unknowns, 0.5, 14);
    const Matrix x = ConstMatrixView(theta.data(), 3, 4);
    const auto point = problem.evaluate(theta);
    const auto joint = attention.evaluate_with_gradient(attention.theta_of(x, Matrix::Identity(140, 140)));
    EXPECT_NEAR(point->objective().loss, joint->objective().loss, 1e-12 * joint->objective().loss);
    EXPECT_NEAR(point->objective().relative_residual, joint->objective().relative_residual, 1e-12);
    const Vector gradient = attention.gradient(*joint).head(unknowns);
    EXPECT_LE((problem.gradient(*point) - gradient).norm(), 1e-11 * gradient.norm());
    Vector v = Vector::Zero(attention.unknowns());
    v.head(unknowns) = normal_point(unknowns, 1, 15);
    const Vector product = attention.hessian_vector(*joint, v).head(unknowns);
    EXPECT_LE((problem.hessian_vector(*point, v.head(unknowns)) - product).norm(), 1e-11 * product.norm());
  }
}

// A column of ones among the keys moves all scores of a row at once: softmax does not see it, however far.
TEST(MultiSoftmax, SoftmaxNeverOverflows) {
  WholeMultiSoftmax whole = random_multi_softmax(20, 30, 2, 3, 51);
  whole.a2.col(0).setOnes();
  const MultiSoftmaxProblem problem = multi_softmax_problem(Communicator::world(), whole);
  Vector theta = normal_point(6, 0.5, 16);
  const auto point = problem.evaluate(theta);
  const Vector gradient = problem.gradient(*point);
  for (const double shift : {-1e5, -700.0, 700.0, 1e5}) {
    theta[0] += shift;
    const auto moved = problem.evaluate(theta);
    theta[0] -= shift;
    EXPECT_NEAR(moved->objective().loss, point->objective().loss, 1e-8 * point->objective().loss);
    EXPECT_LE((problem.gradient(*moved) - gradient).norm(), 1e-8 * gradient.norm());
  }
  theta[1] = 1e6;  // keys far apart
  EXPECT_TRUE(problem.evaluate(theta)->objective().is_finite());
}

// ------------------------------------------------------------------------------------------- domain

// A₁ = A₂ = I: the scores are X.
WholeMultiSoftmax identity_problem(Normalisation normalisation) {
  return {Matrix::Identity(12, 12), Matrix::Identity(12, 12), Matrix::Constant(12, 12, 1.0 / 12), 1,
          normalisation};
}

std::string obstacle_at(Normalisation normalisation, const Matrix& x) {
  const MultiSoftmaxProblem problem =
      multi_softmax_problem(Communicator::world(), identity_problem(normalisation));
  const auto point = problem.evaluate(Eigen::Map<const Vector>(x.data(), x.size()));
  EXPECT_EQ(point->objective().is_finite(), point->obstacle().empty());
  return point->obstacle();
}

void expect_part(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << text << "\nlacks: " << part;
}

TEST(MultiSoftmax, NamesTheFirstScoreThatOverflows) {
  Matrix x = Matrix::Ones(12, 12);
  x(7, 5) = 400;
  x(11, 2) = 800;
  EXPECT_EQ(obstacle_at(Normalisation::softmax, x), "");
  for (const auto normalisation : {Normalisation::rescaled, Normalisation::none}) {
    expect_part(obstacle_at(normalisation, x), "query row 7, key 5 (counted from 0)");
    expect_part(obstacle_at(normalisation, x), "= 400, where the square of the row's sum of exp overflows");
  }
  x(7, 5) = 1;
  expect_part(obstacle_at(Normalisation::rescaled, x), "query row 11, key 2 (counted from 0)");
  x(11, 2) = 300;
  EXPECT_EQ(obstacle_at(Normalisation::rescaled, x), "");
  x(9, 3) = INFINITY;
  for (const auto normalisation : {Normalisation::softmax, Normalisation::rescaled, Normalisation::none})
    expect_part(obstacle_at(normalisation, x), "is not finite");
}

TEST(MultiSoftmax, SaysWhenTheLossOverflows) {
  WholeMultiSoftmax whole = identity_problem(Normalisation::softmax);
  whole.b.setConstant(1e200);
  const MultiSoftmaxProblem problem = multi_softmax_problem(Communicator::world(), whole);
  const auto point = problem.evaluate(Vector::Zero(144));
  EXPECT_FALSE(point->objective().is_finite());
  expect_part(point->obstacle(), "the loss overflows");
}

TEST(MultiSoftmax, RelativeResidualIsThatToTheTarget) {
  WholeMultiSoftmax whole = identity_problem(Normalisation::softmax);
  EXPECT_EQ(multi_softmax_problem(Communicator::world(), whole)
                .evaluate(Vector::Zero(144))
                ->objective()
                .relative_residual,
            0);
  whole.b *= 2;
  EXPECT_NEAR(multi_softmax_problem(Communicator::world(), whole)
                  .evaluate(Vector::Zero(144))
                  ->objective()
                  .relative_residual,
              0.5, 1e-15);
}

// ------------------------------------------------------------------------------------------- errors

// The message of the error that every rank meets when the last one's share is spoilt.
template <class Expected>
void expect_error(const std::function<void(MultiSoftmaxData&, MultiSoftmaxOptions&)>& spoil,
                  const std::string& part) {
  const auto comm = Communicator::world();
  const WholeMultiSoftmax whole = random_multi_softmax(13, 7, 2, 3, 61);
  MultiSoftmaxData data = multi_softmax_data(comm, whole);
  MultiSoftmaxOptions options = multi_softmax_options(comm, whole);
  if (comm.rank() == comm.size() - 1) spoil(data, options);
  try {
    const MultiSoftmaxProblem problem(comm, std::move(data), std::move(options));
    ADD_FAILURE() << "no error: " << part;
  } catch (const Expected& error) {
    expect_part(error.what(), part);
  }
}

TEST(MultiSoftmax, RefusesSharesThatDoNotFit) {
  using Data = MultiSoftmaxData;
  using Options = MultiSoftmaxOptions;
  expect_error<DataError>([](Data& data, Options&) { data.target = Matrix::Ones(99, 7); },
                          "A1 and B differ in rows");
  expect_error<DataError>([](Data& data, Options&) { data.target = Matrix::Ones(data.queries.rows(), 8); },
                          "B has 8 columns but A2 7 rows");
  expect_error<DataError>([](Data& data, Options&) { data.queries.resize(data.queries.rows(), 0); },
                          "A1 has no columns");
  expect_error<DataError>([](Data& data, Options&) { data.keys.resize(7, 0); }, "A2 has no columns");
  expect_error<DataError>([](Data& data, Options&) { data.keys.resize(0, 3); }, "A2 has no rows");
  expect_error<DataError>([](Data&, Options& options) { options.weights = Vector::Ones(99); },
                          "the weights and A1 differ in rows");
  expect_error<UsageError>([](Data&, Options& options) { options.ridge = -1; }, "not -1");
  expect_error<UsageError>([](Data& data, Options&) { data.scale = INFINITY; }, "not inf");
  if (Communicator::world().size() == 1) return;
  expect_error<DataError>([](Data& data, Options&) { data.queries = Matrix::Ones(data.queries.rows(), 3); },
                          "the ranks' rows of A1 differ in width");
  expect_error<DataError>([](Data& data, Options&) { data.keys = Matrix::Ones(7, 4); },
                          "the ranks' A2 differ in width");
  expect_error<DataError>(
      [](Data& data, Options&) {
        data.keys = Matrix::Ones(8, 3);
        data.target = Matrix::Ones(data.queries.rows(), 8);
      },
      "the ranks' A2 differ in rows");
  expect_error<DataError>(
      [](Data& data, Options& options) { options.weights = Vector::Ones(data.queries.rows()); },
      "some ranks' rows have weights and others' none");
}

TEST(MultiSoftmax, NamesTheRowOfANumberThatIsNotFinite) {
  using Data = MultiSoftmaxData;
  using Options = MultiSoftmaxOptions;
  const auto comm = Communicator::world();
  const Index third_of_last = rows_of_rank(13, comm.size(), comm.size() - 1).begin + 2;
  const auto at = [&](Index column) {
    return "at row " + std::to_string(third_of_last) + ", column " + std::to_string(column);
  };
  expect_error<DataError>([](Data& data, Options&) { data.queries(2, 1) = std::nan(""); },
                          "A1: nan " + at(1));
  expect_error<DataError>([](Data& data, Options&) { data.target(2, 5) = -INFINITY; }, "B: -inf " + at(5));
  expect_error<DataError>([](Data& data, Options&) { data.keys(6, 0) = INFINITY; },
                          "A2: inf at row 6, column 0");
  expect_error<DataError>(
      [](Data& data, Options& options) {
        options.weights = Vector::Ones(data.queries.rows());
        options.weights[2] = INFINITY;
      },
      "the weights: inf " + at(0));
}

TEST(MultiSoftmax, RefusesAProblemWithoutRows) {
  EXPECT_THROW(
      MultiSoftmaxProblem(Communicator::world(), {Matrix(0, 2), Matrix::Ones(3, 2), Matrix(0, 3)}, {}),
      DataError);
}

}  // namespace
}  // namespace attnewton
