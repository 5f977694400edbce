#include "attnewton/problems/regression_generator.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"
#include "attnewton/problems/regression.hpp"

#include "support/whole_regression.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

TEST(RegressionGenerator, RowsAreTheSameOnWhateverRankTheyAreMade) {
  for (const double density : {1.0, 0.3}) {
    const RowsRecipe recipe{.rows = 40, .width = 9, .density = density, .heavy_rows = 2, .seed = 5};
    const RowMatrix whole = random_rows(recipe, {0, 40});
    const RowMatrix part = random_rows(recipe, {13, 27});
    const Vector x = Vector::LinSpaced(9, -1, 2);
    EXPECT_EQ(part.times(x), whole.times(x).segment(13, 14));
    EXPECT_EQ(whole.is_sparse(), density < 1);
    whole.check(0);
  }
}

TEST(RegressionGenerator, SparseEntriesHaveTheirDensityAndVariance) {
  const RowsRecipe recipe{.rows = 2000, .width = 100, .density = 0.05, .seed = 1};
  const RowMatrix a = random_rows(recipe, {0, recipe.rows});
  // 2e5 independent draws of 0.05: five standard deviations, once in 1.7 million seeds; this one is fixed.
  EXPECT_NEAR(static_cast<double>(a.entries()), 1e4, 5 * std::sqrt(2e5 * 0.05 * 0.95));
  Vector by_column = Vector::Zero(100);
  double squares = 0;
  for (Index k = 0; k < a.entries(); ++k) {
    by_column[a.sparse().column(k)] += 1;
    squares += a.sparse().value(k) * a.sparse().value(k);
  }
  EXPECT_NEAR(squares / 1e4, 1, 0.1);
  EXPECT_GT(by_column.minCoeff(), 50);  // 100 expected, deviation 9.7: also in the first and the last one
  EXPECT_LT(by_column.maxCoeff(), 150);
}

TEST(RegressionGenerator, ThePlantedPointSolvesTheNoiselessProblem) {
  const Communicator comm = Communicator::world();
  for (const Link kind : {Link::exp, Link::cosh, Link::soft_residual, Link::power, Link::identity}) {
    for (const Normalisation normalisation :
         {Normalisation::none, Normalisation::rescaled, Normalisation::softmax}) {
      const LinkFunction link{kind, 1.5};
      SCOPED_TRACE(formula(link) + " " + to_string(normalisation));
      const RowsRecipe rows{
          .rows = 60, .width = 4, .positive = kind == Link::power || kind == Link::identity};
      const Range range = rows_of_rank(60, comm.size(), comm.rank());
      const RowMatrix a = random_rows(rows, range);
      const PlantedRegression planted = plant_regression(comm, a, range, {link, normalisation});
      const RegressionProblem problem(comm, {a, planted.target, range.begin}, {link, normalisation, {}, 0});
      const auto point = problem.evaluate(planted.x);
      EXPECT_LE(point->objective().relative_residual, 1e-12);
      EXPECT_GT(planted.x.norm(), 0.1);
    }
  }
}

TEST(RegressionGenerator, NoiseHasItsDeviation) {
  const Communicator comm = Communicator::world();
  const Range range = rows_of_rank(4000, comm.size(), comm.rank());
  const RowMatrix a = random_rows({.rows = 4000, .width = 3}, range);
  PlantRecipe recipe{.link = {Link::exp}, .normalisation = Normalisation::none};
  const Vector exact = plant_regression(comm, a, range, recipe).target;
  recipe.noise = 0.5;
  const Vector noisy = plant_regression(comm, a, range, recipe).target;
  const double added = std::sqrt(comm.sum((noisy - exact).squaredNorm()));
  const double size = std::sqrt(comm.sum(exact.squaredNorm()));
  EXPECT_NEAR(added / size, 0.5, 0.5 * 5 / std::sqrt(2 * 4000.0));  // five standard deviations
}

TEST(RegressionGenerator, PointsOutsideTheDomainAreRefusedByEveryRank) {
  const Communicator comm = Communicator::world();
  const Range range = rows_of_rank(50, comm.size(), comm.rank());
  const RowMatrix a = random_rows({.rows = 50, .width = 3}, range);
  const auto plant = [&](LinkFunction link, double scale) {
    plant_regression(comm, a, range,
                     {.link = link, .normalisation = Normalisation::none, .score_scale = scale});
  };
  EXPECT_THROW(plant({Link::exp}, 1e4), NumericalError);
  EXPECT_THROW(plant({Link::power, 0.5}, 1), NumericalError);  // A has negative entries
  EXPECT_THROW(random_rows({.density = 0}, {0, 1}), UsageError);
}

}  // namespace
}  // namespace attnewton
