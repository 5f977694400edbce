#include "attnewton/curvature/sampled_regression_hessian.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"
#include "attnewton/curvature/hessian_distortion.hpp"
#include "attnewton/curvature/regression_hessian.hpp"
#include "attnewton/linalg/distributed_cholesky.hpp"

#include "support/gather.hpp"
#include "support/uneven_regression.hpp"
#include "support/whole_regression.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

constexpr RowSampling rules[] = {RowSampling::uniform, RowSampling::norm, RowSampling::leverage};

Matrix assembled(const RegressionProblem& problem, const HessianModel& model, const Vector& x,
                 Index iteration) {
  DistributedMatrix h(std::make_shared<ProcessGrid>(problem.comm()), problem.unknowns(), problem.unknowns(),
                      2);
  h.add_to_diagonal(99, problem.unknowns());  // assemble must overwrite
  model.assemble(*problem.evaluate(x), iteration, h);
  return gather_symmetric(h);
}

TEST(SampledRegressionHessian, IsTheExactOneOnceEveryRowIsTaken) {
  for (const WholeRegression& whole : test_regressions()) {
    for (const Storage storage : storages) {
      SCOPED_TRACE(whole.name());
      const RegressionProblem problem = regression_problem(Communicator::world(), whole, storage);
      const Vector x = positive_point(problem.unknowns(), 20);
      const Matrix expected = regression_oracle(whole, x).hessian;
      for (const RowSampling rule : rules) {
        for (const Index rows : {Index{0}, Index{23}, Index{1000}}) {  // 0: the default, more than 23 here
          const SampledRegressionHessian model(problem, {rule, rows, 1});
          EXPECT_LE((assembled(problem, model, x, 0) - expected).norm(), 1e-12 * expected.norm());
        }
      }
    }
  }
}

// Fixed seeds. The mean of 200 matrices lies, entry by entry, within five standard errors of the exact one,
// all of which are estimated from the same matrices: odds below 1e-4 that a right one fails.
TEST(SampledRegressionHessian, IsUnbiasedWithNegativeEntriesOfDAndARankTwoPart) {
  for (const WholeRegression& whole : test_regressions()) {
    if (whole.link.kind != Link::cosh) continue;
    SCOPED_TRACE(whole.name());
    const RegressionProblem problem = regression_problem(Communicator::world(), whole, Storage::dense);
    const Vector x = positive_point(problem.unknowns(), 20);
    const Matrix exact = regression_oracle(whole, x).hessian;
    for (const RowSampling rule : rules) {
      const SampledRegressionHessian model(problem, {rule, 12, 3});
      const Index draws = 200;
      Matrix sum = Matrix::Zero(exact.rows(), exact.cols());
      Matrix squares = sum;
      for (Index iteration = 0; iteration < draws; ++iteration) {
        const Matrix error = assembled(problem, model, x, iteration) - exact;
        sum += error;
        squares += error.cwiseAbs2();
      }
      const Matrix mean = sum / static_cast<double>(draws);
      const Matrix standard_error = squares.cwiseSqrt() / static_cast<double>(draws);
      EXPECT_GT(standard_error.maxCoeff(), 1e-4 * exact.norm()) << "the draws do differ";
      EXPECT_LE((mean.cwiseAbs() - 5 * standard_error).maxCoeff(), 1e-12 * exact.norm()) << to_string(rule);
    }
  }
}

TEST(SampledRegressionHessian, DependsOnSeedAndIterationButNotOnRanks) {
  const WholeRegression whole = exponential_regression(300, 6);
  const Vector x = Vector::Constant(6, 0.2);
  const RegressionProblem alone = regression_problem(Communicator::self(), whole, Storage::dense);
  for (const Storage storage : storages) {
    const RegressionProblem shared = regression_problem(Communicator::world(), whole, storage);
    for (const RowSampling rule : rules) {
      const Matrix expected = assembled(alone, SampledRegressionHessian(alone, {rule, 60, 5}), x, 2);
      const SampledRegressionHessian model(shared, {rule, 60, 5});
      EXPECT_LE((assembled(shared, model, x, 2) - expected).norm(), 1e-9 * expected.norm());
      EXPECT_GT((assembled(shared, model, x, 3) - expected).norm(), 1e-3 * expected.norm());
      const SampledRegressionHessian other(shared, {rule, 60, 6});
      EXPECT_GT((assembled(shared, other, x, 2) - expected).norm(), 1e-3 * expected.norm());
    }
  }
}

struct Pair {
  DistributedMatrix exact;
  DistributedMatrix sampled;
};

Pair pair_at(const RegressionProblem& problem, const SampledRegressionHessian& model, const Vector& x,
             Index iteration) {
  const auto grid = std::make_shared<ProcessGrid>(problem.comm());
  Pair pair{{grid, problem.unknowns(), problem.unknowns(), 4},
            {grid, problem.unknowns(), problem.unknowns(), 4}};
  const auto point = problem.evaluate(x);
  RegressionHessian(problem).assemble(*point, 0, pair.exact);
  model.assemble(*point, iteration, pair.sampled);
  return pair;
}

// By the definition: (1+ε)H − H̃ and H̃ − (1−ε)H are positive definite for a little more than the distortion
// and not both for a little less.
TEST(HessianDistortion, IsTheSmallestEpsilonOfTheSandwich) {
  const RegressionProblem problem =
      regression_problem(Communicator::world(), uneven_least_squares(500, 9, 4), Storage::dense);
  const SampledRegressionHessian model(problem, {RowSampling::norm, 120, 5});
  for (Index iteration = 0; iteration < 3; ++iteration) {
    const Pair pair = pair_at(problem, model, Vector::Zero(9), iteration);
    const auto distortion = hessian_distortion(pair.exact, pair.sampled);
    ASSERT_TRUE(distortion.has_value());
    const Matrix exact = gather_symmetric(pair.exact);
    const Matrix sampled = gather_symmetric(pair.sampled);
    const auto is_sandwiched = [&](double epsilon) {
      const auto is_definite = [&](const Matrix& m) {
        return DistributedCholesky::factor(distributed(m, 3), 0, 0).has_value();
      };
      return is_definite((1 + epsilon) * exact - sampled) && is_definite(sampled - (1 - epsilon) * exact);
    };
    EXPECT_TRUE(is_sandwiched(*distortion * (1 + 1e-6)));
    EXPECT_FALSE(is_sandwiched(*distortion * (1 - 1e-6)));
  }
}

TEST(HessianDistortion, IsZeroForTheSameAndNoneForAnIndefiniteHessian) {
  const auto grid = grid_of_test();
  const Matrix whole = Vector::LinSpaced(5, 1, 3).asDiagonal();
  DistributedMatrix h = distributed(whole, 2, grid);
  EXPECT_NEAR(*hessian_distortion(h, h), 0, 1e-14);
  EXPECT_NEAR(*hessian_distortion(h, distributed(1.25 * whole, 2, grid)), 0.25, 1e-14);
  EXPECT_NEAR(*hessian_distortion(h, distributed(-whole, 2, grid)), 2, 1e-14);
  EXPECT_FALSE(hessian_distortion(distributed(-whole, 2, grid), h).has_value());
  EXPECT_DOUBLE_EQ(predicted_contraction(0.2), 0.25);
  EXPECT_EQ(predicted_contraction(1), INFINITY);
}

double median_distortion(const RegressionProblem& problem, const RowSamplingOptions& options) {
  const SampledRegressionHessian model(problem, options);
  std::vector<double> distortions;
  for (Index iteration = 0; iteration < 9; ++iteration) {
    const Pair pair = pair_at(problem, model, Vector::Zero(problem.unknowns()), iteration);
    distortions.push_back(*hessian_distortion(pair.exact, pair.sampled));
  }
  std::nth_element(distortions.begin(), distortions.begin() + 4, distortions.end());
  return distortions[4];
}

// Six long rows and an unknown that 24 rows of 3000 know of: uniform sampling misses the first mostly, and
// norms miss the second. Medians of 9 fixed draws.
TEST(SampledRegressionHessian, ByLeverageDistortsLeast) {
  WholeRegression whole = uneven_least_squares(3000, 12, 6);
  for (Index i = 0; i < 3000; ++i) {
    if (i % 125 != 1) whole.a(i, 11) = 0;
  }
  const RegressionProblem problem = regression_problem(Communicator::world(), whole, Storage::dense);
  const Index rows = 400;
  const double by_leverage = median_distortion(problem, {RowSampling::leverage, rows, 7});
  EXPECT_LT(by_leverage, 0.6);
  EXPECT_GT(median_distortion(problem, {RowSampling::uniform, rows, 7}), 1.3 * by_leverage);
  EXPECT_GT(median_distortion(problem, {RowSampling::norm, rows, 7}), 1.3 * by_leverage);
}

// Rows far from 0 and a softmax: AᵀDA and the rank-2 part all but cancel along the change of x that scales
// exp(A x), and H̃ must not show the noise of the one without the other.
TEST(SampledRegressionHessian, IsExactAlongWhatTheNormalisationTakesOut) {
  WholeRegression whole = exponential_regression(2000, 6);
  whole.normalisation = Normalisation::softmax;
  whole.a.col(5).setOnes();
  whole.ridge = 1e-9;
  const Vector x = 0.3 * RandomStream(52, RandomPurpose::planted_x).normal_rows({0, 6}, 1).col(0);
  const Vector u = (whole.a * x).array().exp();
  whole.b = u / u.sum();
  for (const Storage storage : storages) {
    const RegressionProblem problem = regression_problem(Communicator::world(), whole, storage);
    for (const RowSampling rule : rules) {
      SCOPED_TRACE(to_string(rule));
      const SampledRegressionHessian model(problem, {rule, 300, 3});
      const Pair pair = pair_at(problem, model, x, 0);
      // Along the column of ones H is the ridge alone.
      EXPECT_NEAR(gather_symmetric(pair.sampled)(5, 5), 1e-9, 1e-14);
      EXPECT_LE(*hessian_distortion(pair.exact, pair.sampled), 0.8);
    }
  }
}

TEST(SampledRegressionHessian, KeepsToItsOptions) {
  EXPECT_EQ(default_sampled_rows(1), 8);
  EXPECT_EQ(default_sampled_rows(20), 640);
  EXPECT_STREQ(to_string(RowSampling::uniform), "uniform");
  EXPECT_STREQ(to_string(RowSampling::norm), "norm");
  EXPECT_STREQ(to_string(RowSampling::leverage), "leverage");
  const RegressionProblem problem =
      regression_problem(Communicator::world(), uneven_least_squares(30, 2, 1), Storage::dense);
  EXPECT_THROW(SampledRegressionHessian(problem, {RowSampling::norm, -1, 0}), UsageError);
  EXPECT_EQ(SampledRegressionHessian(problem, {}).sampled_rows(), default_sampled_rows(2));
  EXPECT_TRUE(SampledRegressionHessian(problem, {}).is_random());
  EXPECT_EQ(SampledRegressionHessian(problem, {}).name(), "sampled");
}

}  // namespace
}  // namespace attnewton
