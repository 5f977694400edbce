// Conjugate gradients and their path against dense solves and quadratic forms.
#include "attnewton/solver/trust_region_cg.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "attnewton/random/stream.hpp"

#include "support/plain_solution.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

constexpr Index size = 12;
constexpr Index shifted = 7;

Matrix random_matrix(std::uint64_t seed) {
  return RandomStream(seed, RandomPurpose::inputs).normal_rows({0, size}, size);
}

// (H + D) s = −g with M, all dense, and the products that were asked for.
struct System {
  Matrix h;
  Matrix m;
  Vector g;
  double shift = 0;
  std::vector<Vector> directions = {};

  Matrix damped() const {
    Matrix sum = h;
    sum.diagonal().head(shifted).array() += shift;
    return sum;
  }
  CgOperators operators() {
    return {[this](const Vector& v) -> Vector {
              directions.push_back(v);
              return h * v;
            },
            [this](const Vector& v) { return plain_solution(m, v); }, shift, shifted};
  }
  double model(const Vector& s) const { return g.dot(s) + 0.5 * s.dot(h * s); }
  double damped_model(const Vector& s) const { return g.dot(s) + 0.5 * s.dot(damped() * s); }
  double norm(const Vector& s) const { return std::sqrt(s.dot(m * s)); }
  double residual(const Vector& s) const { return (damped() * s + g).norm(); }
};

System definite_system() {
  const Matrix b = random_matrix(1);
  const Matrix c = random_matrix(2);
  const Matrix unit = Matrix::Identity(size, size);
  return {b * b.transpose() + 0.5 * unit, c * c.transpose() + unit,
          RandomStream(3, RandomPurpose::start).normal_rows({0, size}, 1).col(0), 2};
}

TEST(TrustRegionCg, SolvesTheDampedSystem) {
  System system = definite_system();
  const CgPath path(system.g, system.operators(), {1e-11, 100});
  EXPECT_EQ(path.end(), CgEnd::converged);
  EXPECT_EQ(path.products(), static_cast<Index>(system.directions.size()));
  EXPECT_LE(path.products(), size + 3);
  const Vector expected = -plain_solution(system.damped(), system.g);
  const CgStep end = path.end_step();
  EXPECT_LE((end.step - expected).norm(), 1e-9 * expected.norm());
  EXPECT_NEAR(end.predicted, -system.model(expected), 1e-9 * std::abs(system.model(expected)));
  EXPECT_NEAR(end.norm, system.norm(expected), 1e-9 * system.norm(expected));
  EXPECT_EQ(path.lack_of_curvature(), 0);
}

// The recurrences of ‖s‖_M and of the model, at every point; the path costs no product.
TEST(TrustRegionCg, KnowsItsPathAtAnyNorm) {
  System system = definite_system();
  const CgPath path(system.g, system.operators(), {1e-10, 100});
  const double whole = path.end_step().norm;
  const auto products = system.directions.size();
  double model_before = 0;
  double norm_before = 0;
  for (int i = 1; i <= 40; ++i) {
    const double norm = whole * i / 40;
    const CgStep at = path.step_of_norm(norm);
    EXPECT_NEAR(at.norm, norm, 1e-9 * norm);
    EXPECT_NEAR(system.norm(at.step), norm, 1e-7 * norm);
    EXPECT_NEAR(at.predicted, -system.model(at.step), 1e-8 * std::abs(system.model(at.step)));
    EXPECT_GT(at.predicted, 0);
    EXPECT_LT(system.damped_model(at.step), model_before);
    EXPECT_GT(at.norm, norm_before);
    model_before = system.damped_model(at.step);
    norm_before = at.norm;
  }
  EXPECT_EQ(system.directions.size(), products);
  EXPECT_EQ(path.step_of_norm(2 * whole).step, path.end_step().step);
  EXPECT_EQ(path.step_of_norm(0).norm, 0);
  EXPECT_EQ(path.step_of_norm(0).step, Vector(Vector::Zero(size)));
}

// The path begins along −M⁻¹g.
TEST(TrustRegionCg, BeginsWithThePreconditionedGradient) {
  System system = definite_system();
  const CgPath path(system.g, system.operators(), {1e-10, 100});
  const Vector descent = -plain_solution(system.m, system.g);
  const double norm = 1e-3 * path.end_step().norm;
  const Vector expected = norm / system.norm(descent) * descent;
  EXPECT_LE((path.step_of_norm(norm).step - expected).norm(), 1e-12 * expected.norm());
}

// s_k minimises the damped model over span{z, M⁻¹(H + D) z, …}, z = M⁻¹g.
TEST(TrustRegionCg, MinimisesOverTheKrylovSpaceWhenItIsStopped) {
  for (const Index most : {1, 2, 4}) {
    System system = definite_system();
    const CgPath path(system.g, system.operators(), {1e-14, most});
    EXPECT_EQ(path.end(), CgEnd::products);
    EXPECT_EQ(path.products(), most);
    const Vector step = path.end_step().step;
    const Vector gradient = system.damped() * step + system.g;
    Vector v = plain_solution(system.m, system.g);
    for (Index k = 0; k < most; ++k) {
      v.normalize();
      EXPECT_NEAR(gradient.dot(v), 0, 1e-10 * system.g.norm()) << k;
      v = plain_solution(system.m, system.damped() * v);
    }
    EXPECT_GT(std::abs(gradient.dot(v.normalized())), 1e-6 * system.g.norm()) << "but not over the next one";
  }
}

// The residual is as small as was asked for, and was not a product before.
TEST(TrustRegionCg, StopsAtTheForcingTerm) {
  for (const double forcing : {0.5, 0.1, 1e-3}) {
    System system = definite_system();
    const CgPath path(system.g, system.operators(), {forcing, 100});
    ASSERT_EQ(path.end(), CgEnd::converged);
    EXPECT_LE(system.residual(path.end_step().step), forcing * system.g.norm() * (1 + 1e-9));
    if (path.products() == 1) continue;
    const CgPath shorter(system.g, system.operators(), {forcing, path.products() - 1});
    EXPECT_EQ(shorter.end(), CgEnd::products);
    EXPECT_GT(system.residual(shorter.end_step().step), forcing * system.g.norm());
  }
}

// H = diag(−1, 1, 2, …): with M = I a component of g that is 0 stays so, and the Krylov space does not see
// that entry.
System with_negative_entry(double shift) {
  System system{Matrix::Zero(size, size), Matrix::Identity(size, size), Vector::Ones(size), shift};
  system.h(0, 0) = -1;
  for (Index i = 1; i < size; ++i) system.h(i, i) = static_cast<double>(i);
  return system;
}

TEST(TrustRegionCg, FindsNegativeCurvatureExactlyWhereItsSpaceHasSome) {
  for (const double shift : {0.0, 0.5, 0.98, 1.02, 3.0}) {
    System seen = with_negative_entry(shift);
    const CgPath path(seen.g, seen.operators(), {1e-10, 100});
    EXPECT_EQ(path.end(), shift < 1 ? CgEnd::negative_curvature : CgEnd::converged) << shift;
    System unseen = with_negative_entry(shift);
    unseen.g[0] = 0;
    EXPECT_EQ(CgPath(unseen.g, unseen.operators(), {1e-10, 100}).end(), CgEnd::converged) << shift;
  }
}

// What the shift lacks makes the curvature along the direction nothing; the path ends before it.
TEST(TrustRegionCg, SaysWhatTheShiftLacks) {
  System system = with_negative_entry(0.5);
  const CgPath path(system.g, system.operators(), {1e-10, 100});
  ASSERT_EQ(path.end(), CgEnd::negative_curvature);
  const Vector p = system.directions.back();
  EXPECT_GT(path.lack_of_curvature(), 0);
  EXPECT_LE(path.lack_of_curvature(), 0.5 + 1e-12) << "no more than λ_min lacks";
  EXPECT_NEAR(p.dot(system.damped() * p) + path.lack_of_curvature() * p.head(shifted).squaredNorm(), 0,
              1e-12 * p.squaredNorm());
  const CgPath before(system.g, system.operators(), {1e-10, path.products() - 1});
  EXPECT_EQ(path.end_step().step, before.end_step().step);
  EXPECT_NEAR(path.end_step().predicted, -system.model(path.end_step().step), 1e-10);
}

TEST(TrustRegionCg, HasNoStepWhereTheGradientItselfHasNegativeCurvature) {
  System system = with_negative_entry(0);
  system.g.tail(size - 1).setZero();
  const CgPath path(system.g, system.operators(), {1e-10, 100});
  EXPECT_EQ(path.end(), CgEnd::negative_curvature);
  EXPECT_EQ(path.products(), 1);
  EXPECT_EQ(path.end_step().predicted, 0);
  EXPECT_NEAR(path.lack_of_curvature(), 1, 1e-15);

  System unshifted = system;
  CgOperators operators = unshifted.operators();
  operators.shifted = 0;
  EXPECT_EQ(CgPath(unshifted.g, operators, {}).lack_of_curvature(), 0);
}

TEST(TrustRegionCg, EndsWhateverIsNotFinite) {
  for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    System system = definite_system();
    system.h.setConstant(bad);
    const CgPath path(system.g, system.operators(), {});
    EXPECT_LE(path.products(), 2);
    EXPECT_FALSE(path.end_step().predicted > 0);

    CgOperators operators = system.operators();
    operators.times_h = [](const Vector& v) { return v; };
    operators.solve_m = [&](const Vector& v) -> Vector { return bad * v; };
    EXPECT_FALSE(CgPath(system.g, operators, {}).end_step().predicted > 0);
  }
  System system = definite_system();
  system.g.setZero();
  EXPECT_EQ(CgPath(system.g, system.operators(), {}).products(), 0);
}

}  // namespace
}  // namespace attnewton
