// The assembled Hessian of multiple softmax regressions against hyper-dual numbers entry by entry, and
// against the matrix-free product at sizes that go through several tiles, chunks of keys and chunks of rows.
#include "attnewton/curvature/multi_softmax_hessian.hpp"

#include <gtest/gtest.h>

#include "attnewton/linalg/lanczos.hpp"
#include "attnewton/parallel/threads.hpp"

#include "support/gather.hpp"
#include "support/whole_multi_softmax.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

Matrix assembled(const MultiSoftmaxProblem& problem, const Vector& theta, HessianForm form) {
  // A block of 2 so that tiny Hessians are spread over all ranks.
  DistributedMatrix h(std::make_shared<ProcessGrid>(problem.comm()), problem.unknowns(), problem.unknowns(),
                      2);
  h.add_to_diagonal(99, problem.unknowns());  // assemble must overwrite
  MultiSoftmaxHessian(problem, form).assemble(*problem.evaluate(theta), 0, h);
  return gather_symmetric(h);
}

TEST(MultiSoftmaxHessian, ExactAgreesWithHyperDualNumbers) {
  for (const WholeMultiSoftmax& whole : test_multi_softmaxes()) {
    SCOPED_TRACE(whole.name());
    const MultiSoftmaxProblem problem = multi_softmax_problem(Communicator::world(), whole);
    const Vector theta = normal_point(problem.unknowns(), 0.5, 20);
    const Matrix expected = multi_softmax_oracle(whole, theta).hessian;
    const Matrix h = assembled(problem, theta, HessianForm::exact);
    EXPECT_LE((h - expected).cwiseAbs().maxCoeff(), 1e-12 * expected.cwiseAbs().maxCoeff() + 1e-15);
  }
}

TEST(MultiSoftmaxHessian, GaussNewtonAgreesWithTheJacobiansSquare) {
  for (const WholeMultiSoftmax& whole : test_multi_softmaxes()) {
    SCOPED_TRACE(whole.name());
    const MultiSoftmaxProblem problem = multi_softmax_problem(Communicator::world(), whole);
    const Vector theta = normal_point(problem.unknowns(), 0.5, 21);
    const Matrix expected = multi_softmax_gauss_newton_oracle(whole, theta);
    const Matrix h = assembled(problem, theta, HessianForm::gauss_newton);
    EXPECT_LE((h - expected).cwiseAbs().maxCoeff(), 1e-12 * expected.cwiseAbs().maxCoeff() + 1e-15);
  }
}

// Far from the target, where the exact Hessian is indefinite but for the rescaled form.
TEST(MultiSoftmaxHessian, GaussNewtonIsPositiveSemidefinite) {
  for (const auto normalisation : {Normalisation::softmax, Normalisation::rescaled, Normalisation::none}) {
    SCOPED_TRACE(to_string(normalisation));
    WholeMultiSoftmax whole = random_multi_softmax(40, 30, 3, 4, 22);
    whole.normalisation = normalisation;
    whole.b *= 500;
    const MultiSoftmaxProblem problem = multi_softmax_problem(Communicator::world(), whole);
    const auto point = problem.evaluate(normal_point(12, 0.1, 23));
    const auto smallest = [&](HessianForm form) {
      DistributedMatrix h(std::make_shared<ProcessGrid>(problem.comm()), 12, 12, 2);
      MultiSoftmaxHessian(problem, form).assemble(*point, 0, h);
      return smallest_ritz_value(h, 12) / h.mean_abs_diagonal();
    };
    EXPECT_GE(smallest(HessianForm::gauss_newton), -1e-13);
    if (normalisation != Normalisation::rescaled) {
      EXPECT_LT(smallest(HessianForm::exact), -1e-3);
    }
  }
}

TEST(MultiSoftmaxHessian, AgreesWithTheMatrixFreeProduct) {
  struct Size {
    Index n, m, d1, d2;
  };
  for (const Size& size : {Size{1300, 70, 4, 5}, Size{90, 300, 3, 16}, Size{200, 150, 17, 2}}) {
    for (const auto normalisation : {Normalisation::softmax, Normalisation::rescaled, Normalisation::none}) {
      SCOPED_TRACE(to_string(normalisation));
      WholeMultiSoftmax whole = random_multi_softmax(size.n, size.m, size.d1, size.d2, 24);
      whole.normalisation = normalisation;
      whole.scale = 0.4;
      whole.weights = 0.1 * normal_point(size.n, 1, 25);
      const MultiSoftmaxProblem problem = multi_softmax_problem(Communicator::world(), whole);
      const Index unknowns = problem.unknowns();
      const auto point = problem.evaluate(normal_point(unknowns, 0.2, 26));
      DistributedMatrix h(std::make_shared<ProcessGrid>(problem.comm()), unknowns, unknowns, 8);
      MultiSoftmaxHessian(problem, HessianForm::exact).assemble(*point, 0, h);
      const Vector v = normal_point(unknowns, 1, 27);
      const Vector expected = problem.hessian_vector(*point, v);
      EXPECT_LE((symmetric_multiply(h, v) - expected).norm(), 1e-11 * expected.norm());
    }
  }
}

TEST(MultiSoftmaxHessian, HasTheSameBitsForAnyNumberOfThreads) {
  const MultiSoftmaxProblem problem =
      multi_softmax_problem(Communicator::world(), random_multi_softmax(700, 150, 4, 5, 28));
  const Vector theta = normal_point(20, 0.4, 29);
  const Matrix with_two = assembled(problem, theta, HessianForm::exact);
  const ThreadLimit one(1);
  EXPECT_EQ(assembled(problem, theta, HessianForm::exact), with_two);
}

}  // namespace
}  // namespace attnewton
