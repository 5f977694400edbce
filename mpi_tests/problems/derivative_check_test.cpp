#include "attnewton/problems/derivative_check.hpp"

#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"

#include "support/whole_attention.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

// A problem whose gradient or Hessian–vector product is off by a given share.
class Flawed : public Problem {
 public:
  Flawed(const Problem& sound, double gradient_flaw, double product_flaw)
      : sound_(sound), gradient_flaw_(gradient_flaw), product_flaw_(product_flaw) {}

  const Communicator& comm() const override { return sound_.comm(); }
  Index unknowns() const override { return sound_.unknowns(); }
  std::unique_ptr<Point> evaluate(const Vector& theta) const override { return sound_.evaluate(theta); }
  Vector gradient(const Point& point) const override { return (1 + gradient_flaw_) * sound_.gradient(point); }
  Vector hessian_vector(const Point& point, const Vector& v) const override {
    return (1 + product_flaw_) * sound_.hessian_vector(point, v);
  }

 private:
  const Problem& sound_;
  double gradient_flaw_;
  double product_flaw_;
};

TEST(DerivativeCheck, PassesSoundDerivativesAndFindsFlaws) {
  const WholeAttention whole = make_whole({.name = "causal", .query_lengths = {9, 12}, .causal = true}, 21);
  for (const auto variables : {AttentionVariables::projected, AttentionVariables::joint}) {
    const AttentionProblem problem = make_problem(Communicator::world(), whole, variables);
    const Vector theta = test_point(problem, 5);
    const auto point = problem.evaluate(theta);
    const auto assembled = [&](const Vector& v) { return Vector(1.001 * problem.hessian_vector(*point, v)); };
    const DerivativeErrors sound = check_derivatives(problem, theta, assembled, {});
    EXPECT_LE(sound.gradient, 1e-7);
    EXPECT_LE(sound.hessian_vector, 1e-7);
    EXPECT_NEAR(sound.assembled_hessian, 1e-3, 1e-5);

    const DerivativeErrors flawed_gradient = check_derivatives(Flawed(problem, 1e-4, 0), theta, {}, {});
    EXPECT_GT(flawed_gradient.gradient, 2e-5);
    EXPECT_EQ(flawed_gradient.assembled_hessian, 0);
    const DerivativeErrors flawed_product = check_derivatives(Flawed(problem, 0, 1e-4), theta, {}, {});
    EXPECT_GT(flawed_product.hessian_vector, 9e-5);
    EXPECT_LE(flawed_product.gradient, 1e-7);
  }
}

TEST(DerivativeCheck, RefusesAPointOutsideTheDomain) {
  const WholeAttention whole = make_whole({.name = "sequence", .query_lengths = {5}}, 22);
  const AttentionProblem problem = make_problem(Communicator::world(), whole, AttentionVariables::joint);
  EXPECT_THROW(check_derivatives(problem, Vector::Constant(problem.unknowns(), 1e308), {}, {}),
               NumericalError);
}

}  // namespace
}  // namespace attnewton
