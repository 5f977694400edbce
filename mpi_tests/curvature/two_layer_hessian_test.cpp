// The assembled Hessian of two-layer regressions against hyper-dual numbers entry by entry, and against the
// matrix-free product at sizes that go through several pieces, blocks and groups of rows.
#include "attnewton/curvature/two_layer_hessian.hpp"

#include <gtest/gtest.h>

#include "attnewton/curvature/output_jacobian.hpp"
#include "attnewton/linalg/distributed_cholesky.hpp"
#include "attnewton/parallel/threads.hpp"
#include "attnewton/random/stream.hpp"

#include "support/gather.hpp"
#include "support/whole_regression.hpp"
#include "support/whole_two_layer.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

DistributedMatrix assembled(const TwoLayerProblem& problem, HessianForm form, const Vector& x,
                            Index block = default_block) {
  const Index unknowns = problem.unknowns();
  DistributedMatrix h(std::make_shared<ProcessGrid>(problem.comm()), unknowns, unknowns, block);
  h.add_to_diagonal(99, unknowns);  // assemble must overwrite
  TwoLayerHessian(problem, form).assemble(*problem.evaluate(x), 0, h);
  return h;
}

TEST(TwoLayerHessian, AgreesWithHyperDualNumbers) {
  for (const WholeTwoLayer& whole : test_two_layers()) {
    const Vector x = moderate_point(whole.a1.cols(), 7);
    const Matrix exact = two_layer_oracle(whole, x).hessian;
    const Matrix gauss_newton = gauss_newton_oracle(whole, x);
    for (const Storage storage : storages) {
      SCOPED_TRACE(whole.name());
      const TwoLayerProblem problem = two_layer_problem(Communicator::world(), whole, storage);
      // A block of 2 so that tiny Hessians are spread over all ranks.
      const Matrix found = gather_symmetric(assembled(problem, HessianForm::exact, x, 2));
      EXPECT_LE((found - exact).cwiseAbs().maxCoeff(), 1e-12 * exact.cwiseAbs().maxCoeff());
      const Matrix part = gather_symmetric(assembled(problem, HessianForm::gauss_newton, x, 2));
      EXPECT_LE((part - gauss_newton).cwiseAbs().maxCoeff(), 1e-12 * gauss_newton.cwiseAbs().maxCoeff());
    }
  }
}

struct Size {
  const char* what;
  Index rows;
  Index columns;
  Index outputs;
};

TEST(TwoLayerHessian, AgreesWithTheMatrixFreeProduct) {
  const Size sizes[] = {{"groups of rows", 9000, 9, 3},
                        {"several blocks of outputs", 300, 30, 500},
                        {"several pieces, blocks of both sides", 40, 1100, 1500},
                        {"fewer rows than ranks", 3, 70, 200}};
  for (const Size& size : sizes) {
    SCOPED_TRACE(size.what);
    WholeTwoLayer whole = random_two_layer(Activation::tanh, size.rows, size.columns, size.outputs, 14);
    whole.ridge = 0.01;
    const Vector x = moderate_point(size.columns, 15) / std::sqrt(static_cast<double>(size.columns));
    const Vector v = RandomStream(16, RandomPurpose::directions).normal_rows({0, size.columns}, 1).col(0);
    for (const Storage storage : storages) {
      const TwoLayerProblem problem = two_layer_problem(Communicator::world(), whole, storage);
      const Vector expected = problem.hessian_vector(*problem.evaluate(x), v);
      const DistributedMatrix h = assembled(problem, HessianForm::exact, x);
      EXPECT_LE((symmetric_multiply(h, v) - expected).norm(), 1e-11 * expected.norm());
    }
  }
}

// Where residuals and curvature of the softmax make the exact Hessian indefinite, its Gauss–Newton part is
// not.
TEST(TwoLayerHessian, GaussNewtonIsNeverIndefinite) {
  for (const auto activation :
       {Activation::relu, Activation::identity, Activation::tanh, Activation::sigmoid}) {
    SCOPED_TRACE(to_string(activation));
    WholeTwoLayer whole = random_two_layer(activation, 60, 5, 4, 17);
    whole.b *= 50;
    const TwoLayerProblem problem = two_layer_problem(Communicator::world(), whole, Storage::dense);
    const Vector x = moderate_point(5, 18);
    const DistributedMatrix exact = assembled(problem, HessianForm::exact, x);
    EXPECT_FALSE(DistributedCholesky::factor(exact, 0, 5).has_value());
    const DistributedMatrix part = assembled(problem, HessianForm::gauss_newton, x);
    // Four outputs for five unknowns: singular but for rounding.
    EXPECT_TRUE(DistributedCholesky::factor(part, 1e-12 * part.mean_abs_diagonal(), 5).has_value());
  }
}

TEST(OutputJacobian, HasTheSameBitsForAnyNumberOfThreads) {
  const WholeTwoLayer whole = random_two_layer(Activation::tanh, 9000, 20, 200, 19);
  for (const Storage storage : storages) {
    const TwoLayerProblem problem = two_layer_problem(Communicator::world(), whole, storage);
    const auto point = problem.evaluate(moderate_point(20, 20));
    const Vector g = Vector::Ones(20);
    const Matrix with_two = output_jacobian(problem, static_cast<const TwoLayerPoint&>(*point), g);
    const ThreadLimit one(1);
    EXPECT_EQ(output_jacobian(problem, static_cast<const TwoLayerPoint&>(*point), g), with_two);
  }
}

TEST(TwoLayerHessian, IsNamedAsTheCommandLineDoes) {
  const WholeTwoLayer whole = random_two_layer(Activation::tanh, 6, 2, 3, 21);
  const TwoLayerProblem problem = two_layer_problem(Communicator::world(), whole, Storage::dense);
  EXPECT_EQ(TwoLayerHessian(problem, HessianForm::exact).name(), "exact");
  EXPECT_EQ(TwoLayerHessian(problem, HessianForm::gauss_newton).name(), "gauss-newton");
}

}  // namespace
}  // namespace attnewton
