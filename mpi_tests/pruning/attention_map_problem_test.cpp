// The problem of an attention map against its definition in hyper-dual numbers, finite differences, other
// rank counts and other numbers of threads.
#include "attnewton/pruning/attention_map_problem.hpp"

#include <limits>

#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"
#include "attnewton/parallel/threads.hpp"
#include "attnewton/problems/derivative_check.hpp"

#include "support/whole_map.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

// Every third weight is pruned; units, pulls and centres differ from weight to weight.
AttentionMapOptions uneven_options(Index parameters) {
  AttentionMapOptions options;
  for (Index i = 0; i < parameters; ++i) {
    if (i % 3 != 1) options.support.push_back(i);
  }
  const auto size = static_cast<Index>(options.support.size());
  options.unit = Vector::LinSpaced(size, 0.5, 1.5);
  options.pull = Vector::LinSpaced(size, 0, 0.3);
  options.centre = normal_numbers(size, 0.5, 12);
  return options;
}

double distance(const Matrix& found, const Matrix& expected) {
  return (found - expected).cwiseAbs().maxCoeff() / (1 + expected.cwiseAbs().maxCoeff());
}

Matrix hessian_of(const AttentionMapProblem& problem, const Point& point) {
  Matrix h(problem.unknowns(), problem.unknowns());
  for (Index i = 0; i < problem.unknowns(); ++i)
    h.col(i) = problem.hessian_vector(point, Vector::Unit(problem.unknowns(), i));
  return h;
}

void expect_derivatives_of_definition(const WholeMap& whole, AttentionMapOptions options,
                                      const MapStorage& storage) {
  const auto map = attention_map(Communicator::world(), whole, storage);
  const AttentionMapProblem problem(map, options);
  const Vector theta = normal_numbers(problem.unknowns(), 0.8, 13);
  const SecondOrder expected = map_oracle(whole, options, theta);
  const auto plain = problem.evaluate(theta);
  const auto prepared = problem.evaluate_with_gradient(theta);
  EXPECT_NEAR(plain->objective().loss, expected.value, 1e-13 * (1 + expected.value));
  EXPECT_EQ(plain->objective().loss, prepared->objective().loss);
  EXPECT_LE(distance(problem.gradient(*plain), expected.gradient), 1e-13);
  EXPECT_LE(distance(problem.gradient(*prepared), expected.gradient), 1e-13);
  EXPECT_LE(distance(hessian_of(problem, *plain), expected.hessian), 1e-13);
  EXPECT_LE(distance(hessian_of(problem, *prepared), expected.hessian), 1e-13);
  options.form = HessianForm::gauss_newton;
  const AttentionMapProblem gauss_newton(map, options);
  EXPECT_LE(distance(hessian_of(gauss_newton, *plain), map_gauss_newton_oracle(whole, options, theta)),
            1e-13);
}

TEST(AttentionMapProblem, AgreesWithItsDefinition) {
  for (const WholeMap& whole : test_maps()) {
    const Index parameters = whole.heads.to_vector().size();
    for (const MapStorage& storage : {keeps_all, keeps_none}) {
      SCOPED_TRACE(testing::Message() << whole.name << ", budget " << storage.always);
      expect_derivatives_of_definition(whole, {}, storage);
      expect_derivatives_of_definition(whole, uneven_options(parameters), storage);
    }
  }
}

// Any positive semidefinite blocks will do.
std::shared_ptr<const std::vector<KroneckerBlock>> some_blocks(const std::vector<ParameterBlock>& places) {
  auto blocks = std::make_shared<std::vector<KroneckerBlock>>();
  for (const ParameterBlock& place : places) {
    const Matrix a = normal_numbers(place.rows * place.rows, 1, 17).reshaped(place.rows, place.rows);
    const Matrix c =
        normal_numbers(place.columns * place.columns, 1, 18).reshaped(place.columns, place.columns);
    blocks->push_back({a * a.transpose(), c * c.transpose()});
  }
  return blocks;
}

TEST(AttentionMapProblem, PriorPullsAllWeightsTowardsTheReference) {
  for (const WholeMap& whole : test_maps()) {
    SCOPED_TRACE(whole.name);
    AttentionMapOptions options = uneven_options(whole.heads.to_vector().size());
    if (options.support.empty()) continue;
    options.prior_weight = 0.4;
    options.prior = some_blocks(whole.heads.blocks());
    expect_derivatives_of_definition(whole, options, keeps_all);
  }
}

TEST(AttentionMapProblem, ObjectiveHasItsParts) {
  const WholeMap whole = test_maps()[4];
  const auto map = attention_map(Communicator::world(), whole);
  const AttentionMapProblem problem(map, uneven_options(map->parameters()));
  const Vector theta = normal_numbers(problem.unknowns(), 0.8, 14);
  const Objective found = problem.evaluate(theta)->objective();
  const std::vector<double> errors = map->relative_errors(problem.weights(theta));
  double squared = 0;
  for (Index h = 0; h < 2; ++h) squared += errors[static_cast<std::size_t>(h)] * map->squared_norms()[h];
  EXPECT_NEAR(found.data_loss, 0.5 * squared, 1e-14 * (1 + squared));
  EXPECT_NEAR(found.relative_residual, std::sqrt(squared / map->squared_norms().sum()), 1e-14);
  const auto& options = problem.options();
  const double penalty = 0.5 * options.pull.dot((theta - options.centre).cwiseAbs2());
  EXPECT_NEAR(found.loss, found.data_loss + penalty, 1e-14 * (1 + found.loss));
}

TEST(AttentionMapProblem, WeightsAreZeroOffTheSupport) {
  const WholeMap whole = test_maps()[3];
  const auto map = attention_map(Communicator::world(), whole);
  AttentionMapOptions options;
  options.support = {1, 4, 11};
  options.unit = Vector::LinSpaced(3, 2, 4);
  const AttentionMapProblem problem(map, options);
  Vector expected = Vector::Zero(map->parameters());
  expected[1] = 10;
  expected[4] = 18;
  expected[11] = 28;
  EXPECT_EQ(problem.weights(Vector::LinSpaced(3, 5, 7)), expected);
  EXPECT_EQ(problem.on_support(expected), (Vector(3) << 10, 18, 28).finished());
}

TEST(AttentionMapProblem, DerivativesOfLongSequencesAgreeWithDifferences) {
  for (const bool causal : {false, true}) {
    for (const Index r : {0, 2}) {
      for (const MapStorage& storage : {keeps_all, keeps_none}) {
        SCOPED_TRACE(testing::Message() << causal << r << storage.always);
        const WholeMap whole = make_whole_map({.name = "long",
                                               .lengths = {3, 600, 40},
                                               .d = 3,
                                               .r = r,
                                               .heads = r == 0 ? 1 : 2,
                                               .causal = causal,
                                               .biased = true,
                                               .scale = 0.5},
                                              15);
        const auto map = attention_map(Communicator::world(), whole, storage);
        const AttentionMapProblem problem(map, uneven_options(map->parameters()));
        const DerivativeErrors errors =
            check_derivatives(problem, normal_numbers(problem.unknowns(), 0.5, 16), {}, {.directions = 2});
        EXPECT_LE(errors.gradient, 1e-8);
        EXPECT_LE(errors.hessian_vector, 1e-8);
      }
    }
  }
}

// Wider than the tile kernels take: products by dgemm.
TEST(AttentionMapProblem, DerivativesOfWideWeightsAgreeWithDifferences) {
  for (const Index r : {0, 161}) {
    for (const MapStorage& storage : {keeps_all, keeps_none}) {
      SCOPED_TRACE(testing::Message() << r << storage.always);
      const WholeMap whole = make_whole_map(
          {.name = "wide", .lengths = {9, 4}, .d = 170, .r = r, .causal = true, .scale = 1e-3}, 25);
      const auto map = attention_map(Communicator::world(), whole, storage);
      const Vector theta = normal_numbers(map->parameters(), 0.7, 26);
      const AttentionMapProblem problem(map, {});
      const std::vector<double> at(theta.begin(), theta.end());
      double squared = 0;
      for (const double c : plain_map_residual(whole, at)) squared += c * c;
      EXPECT_NEAR(problem.evaluate(theta)->objective().data_loss, 0.5 * squared, 1e-12 * squared);
      const DerivativeErrors errors = check_derivatives(problem, theta, {}, {.directions = 1, .step = 0.05});
      EXPECT_LE(errors.gradient, 1e-6);
      EXPECT_LE(errors.hessian_vector, 1e-6);
    }
  }
}

struct Results {
  double loss;
  Vector gradient;
  Vector product;
};

Results results_of(const Communicator& comm, const WholeMap& whole, const MapStorage& storage,
                   HessianForm form) {
  const auto map = attention_map(comm, whole, storage);
  AttentionMapOptions options = uneven_options(map->parameters());
  options.form = form;
  const AttentionMapProblem problem(map, options);
  const auto point = problem.evaluate_with_gradient(normal_numbers(problem.unknowns(), 0.8, 17));
  return {point->objective().loss, problem.gradient(*point),
          problem.hessian_vector(*point, normal_numbers(problem.unknowns(), 1, 18))};
}

// A sequence that many ranks share; of one rank it is cut in strips.
WholeMap long_map(Index r) {
  return make_whole_map(
      {.name = "long", .lengths = {600, 9}, .d = 3, .r = r, .heads = 2, .causal = true, .scale = 0.5}, 19);
}

TEST(AttentionMapProblem, GivesTheSameOnAnyNumberOfRanksAndFromAnyStorage) {
  for (const Index r : {0, 2}) {
    for (const HessianForm form : {HessianForm::exact, HessianForm::gauss_newton}) {
      const WholeMap whole = long_map(r);
      const Results expected = results_of(Communicator::self(), whole, keeps_all, form);
      for (const MapStorage& storage : {keeps_all, keeps_none}) {
        const Results found = results_of(Communicator::world(), whole, storage, form);
        EXPECT_NEAR(found.loss, expected.loss, 1e-13 * expected.loss);
        EXPECT_LE((found.gradient - expected.gradient).norm(), 1e-12 * expected.gradient.norm());
        EXPECT_LE((found.product - expected.product).norm(), 1e-12 * expected.product.norm());
      }
    }
  }
}

TEST(AttentionMapProblem, HasTheSameBitsForAnyNumberOfThreads) {
  for (const Index r : {0, 2}) {
    const auto on = [&](int threads) {
      const ThreadLimit limit(threads);
      return results_of(Communicator::world(), long_map(r), keeps_none, HessianForm::exact);
    };
    const Results one = on(1);
    const Results two = on(2);
    EXPECT_EQ(one.loss, two.loss);
    EXPECT_EQ(one.gradient, two.gradient);
    EXPECT_EQ(one.product, two.product);
  }
}

TEST(AttentionMapProblem, AStepTooFarIsNotFiniteAndSaysWhere) {
  const WholeMap whole = test_maps()[1];
  const AttentionMapProblem problem(attention_map(Communicator::world(), whole), {});
  const auto point = problem.evaluate_with_gradient(Vector::Constant(problem.unknowns(), 1e308));
  EXPECT_FALSE(point->objective().is_finite());
  EXPECT_NE(point->obstacle().find("head 0"), std::string::npos) << point->obstacle();
}

TEST(AttentionMapProblem, RefusesWhatDoesNotFit) {
  const auto map = attention_map(Communicator::world(), test_maps()[3]);
  const auto refuses = [&](const AttentionMapOptions& options) {
    EXPECT_THROW(AttentionMapProblem(map, options), UsageError);
  };
  refuses({.support = {3, 2}});
  refuses({.support = {-1}});
  refuses({.support = {map->parameters()}});
  refuses({.support = {0, 1}, .unit = Vector::Ones(3)});
  refuses({.support = {0, 1}, .pull = Vector::Ones(map->parameters())});
  refuses({.support = {0, 1}, .pull = Vector::Constant(2, -1)});
  refuses({.support = {0, 1}, .centre = Vector::Constant(2, std::numeric_limits<double>::infinity())});
}

// 1000 pairs of masks, near and far: the bound must hold for each.
TEST(MaskLipschitzConstant, IsNeverPassed) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const WholeMap whole = make_whole_map({.name = "",
                                           .lengths = {3, 1 + static_cast<Index>(seed) % 4},
                                           .d = 2 + static_cast<Index>(seed) % 2,
                                           .causal = seed % 3 == 0,
                                           .scale = 0.3 + 0.1 * static_cast<double>(seed)},
                                          500 + seed);
    const auto map = attention_map(Communicator::world(), whole);
    AttentionMapOptions options;
    options.unit = whole.heads.to_vector();
    options.pull = Vector::Constant(map->parameters(), 0.01);
    const AttentionMapProblem problem(map, options);
    const double bound = mask_lipschitz_constant(*map, 0.01);
    for (std::uint64_t pair = 0; pair < 50; ++pair) {
      const double size = pair % 2 == 0 ? 0.01 : 1;
      const Vector first =
          Vector::Ones(problem.unknowns()) + normal_numbers(problem.unknowns(), 1, 1000 * seed + pair);
      const Vector second = first + normal_numbers(problem.unknowns(), size, 1000 * seed + pair + 500);
      const Vector change =
          problem.gradient(*problem.evaluate(first)) - problem.gradient(*problem.evaluate(second));
      EXPECT_LE(change.norm(), bound * (first - second).norm());
    }
  }
}

}  // namespace
}  // namespace attnewton
