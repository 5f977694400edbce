// The assembled Hessian of regressions against hyper-dual numbers entry by entry, and against the matrix-free
// product at sizes that go through several blocks, panels and groups of rows.
#include "attnewton/curvature/regression_hessian.hpp"

#include <gtest/gtest.h>

#include "attnewton/parallel/threads.hpp"
#include "attnewton/random/stream.hpp"

#include "support/gather.hpp"
#include "support/whole_regression.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

// In blocks of 2 so that tiny Hessians are spread over all ranks.
Matrix assembled(const RegressionProblem& problem, const Point& point, HessianForm form) {
  DistributedMatrix h(std::make_shared<ProcessGrid>(problem.comm()), problem.unknowns(), problem.unknowns(),
                      2);
  h.add_to_diagonal(99, problem.unknowns());  // assemble must overwrite
  RegressionHessian(problem, form).assemble(point, 0, h);
  return gather_symmetric(h);
}

// By the first evaluation, and by one that began at another point.
TEST(RegressionHessian, AgreesWithHyperDualNumbers) {
  for (const WholeRegression& whole : test_regressions()) {
    for (const Storage storage : storages) {
      SCOPED_TRACE(whole.name());
      const RegressionProblem problem = regression_problem(Communicator::world(), whole, storage);
      for (const std::uint64_t seed : {20U, 21U}) {
        const Vector x = positive_point(problem.unknowns(), seed);
        const auto point = problem.evaluate(x);
        for (const HessianForm form : {HessianForm::exact, HessianForm::gauss_newton}) {
          const Matrix expected = form == HessianForm::exact ? regression_oracle(whole, x).hessian
                                                             : regression_gauss_newton_oracle(whole, x);
          EXPECT_LE((assembled(problem, *point, form) - expected).cwiseAbs().maxCoeff(),
                    1e-12 * expected.cwiseAbs().maxCoeff())
              << to_string(form);
        }
        problem.gradient(*point);
      }
    }
  }
}

// The rank-2 part and the diagonal that the Hessian is made of, and those that score_curvature() gives.
TEST(RegressionHessian, ConsistsOfTheScoresCurvature) {
  for (const WholeRegression& whole : test_regressions()) {
    SCOPED_TRACE(whole.name());
    const RegressionProblem problem = regression_problem(Communicator::self(), whole, Storage::dense);
    const auto base = problem.evaluate(positive_point(problem.unknowns(), 22));
    const auto& point = static_cast<const RegressionPoint&>(*base);
    for (const HessianForm form : {HessianForm::exact, HessianForm::gauss_newton}) {
      const ScoreCurvature curvature = problem.score_curvature(point, form);
      EXPECT_LE((problem.curvature_diagonal(point, form) - curvature.diagonal).norm(),
                1e-15 * curvature.diagonal.norm());
      const RankTwoPart part = problem.rank_two_part(point, form);
      ASSERT_EQ(part.direction.size(), problem.is_normalised() ? problem.unknowns() : 0);
      if (!problem.is_normalised()) continue;
      EXPECT_EQ(part.kappa, curvature.kappa);
      const Vector direction = whole.a.transpose() * curvature.direction;
      const Vector mixed = whole.a.transpose() * curvature.mixed;
      EXPECT_LE((part.direction - direction).norm(), 1e-13 * direction.norm());
      EXPECT_LE((part.mixed - mixed).norm(), 1e-13 * (mixed.norm() + direction.norm()));
    }
  }
}

struct Size {
  const char* what;
  Index rows;
  Index columns;
  double filled;  // share of A's entries
};

// Normal numbers and a first column of ones, in which no entry is 0.
WholeRegression random_regression(const Size& size) {
  const RandomStream stream(9, RandomPurpose::inputs);
  WholeRegression whole{stream.normal_rows({0, size.rows}, size.columns), Vector(size.rows)};
  const RandomStream others(10, RandomPurpose::noise);
  for (Index i = 0; i < size.rows; ++i) {
    whole.b[i] = others.normal(i);
    for (Index j = 1; j < size.columns; ++j) {
      if (others.uniform(i, j + 1) > size.filled) whole.a(i, j) = 0;
    }
  }
  whole.a.col(0).setOnes();
  whole.link = {Link::cosh};
  whole.normalisation = Normalisation::rescaled;
  whole.ridge = 0.1;
  return whole;
}

TEST(RegressionHessian, AgreesWithTheMatrixFreeProduct) {
  const Size sizes[] = {{"one block, groups of rows", 9000, 9, 1},
                        {"several panels of lanes, groups of rows", 9000, 137, 1},
                        {"several blocks, groups of rows", 9000, 397, 1},
                        {"several panels", 40, 2100, 1},
                        {"a column with more entries than a task takes", 70000, 6, 0.2},
                        {"several panels of few entries", 300, 2100, 0.02}};
  for (const Size& size : sizes) {
    SCOPED_TRACE(size.what);
    const WholeRegression whole = random_regression(size);
    const Vector x = 0.3 / static_cast<double>(size.columns) * Vector::Ones(size.columns);
    const Vector v = RandomStream(11, RandomPurpose::directions).normal_rows({0, size.columns}, 1).col(0);
    for (const Storage storage : storages) {
      const RegressionProblem problem = regression_problem(Communicator::world(), whole, storage);
      const auto point = problem.evaluate(x);
      DistributedMatrix h(std::make_shared<ProcessGrid>(problem.comm()), size.columns, size.columns);
      RegressionHessian(problem).assemble(*point, 0, h);
      const Vector expected = problem.hessian_vector(*point, v);
      EXPECT_LE((symmetric_multiply(h, v) - expected).norm(), 1e-11 * expected.norm());
    }
  }
}

TEST(WeightedGram, GivesTheSameBitsForAnyNumberOfThreads) {
  const WholeRegression whole = random_regression({"", 70000, 70, 0.1});
  const Vector weights = whole.b;  // of both signs
  for (const RowMatrix& a : {RowMatrix(whole.a), RowMatrix(compress(whole.a))}) {
    const WeightedGram gram(a);
    const Matrix with_two = gram.panel({0, 70}, weights);
    const ThreadLimit one(1);
    EXPECT_EQ(gram.panel({0, 70}, weights), with_two);
  }
}

TEST(WeightedGram, PanelsAreRowsOfTheLowerTriangle) {
  const WholeRegression whole = random_regression({"", 50, 150, 0.5});
  const Matrix expected = whole.a.transpose() * whole.b.asDiagonal() * whole.a;
  for (const RowMatrix& a : {RowMatrix(whole.a), RowMatrix(compress(whole.a))}) {
    const WeightedGram gram(a);
    for (const Range rows : {Range{0, 150}, Range{0, 64}, Range{64, 150}, Range{3, 100}, Range{149, 150}}) {
      const Matrix panel = gram.panel(rows, whole.b);
      ASSERT_EQ(panel.rows(), rows.size());
      ASSERT_EQ(panel.cols(), rows.end);
      for (Index row = rows.begin; row < rows.end; ++row) {
        EXPECT_LE((panel.row(row - rows.begin).head(row + 1) - expected.row(row).head(row + 1)).norm(),
                  1e-12 * expected.norm());
      }
    }
  }
}

}  // namespace
}  // namespace attnewton
