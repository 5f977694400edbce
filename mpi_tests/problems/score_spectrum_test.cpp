// Eigenvalues of diagonal plus rank 2 by inertia against dense ones.
#include "attnewton/problems/score_spectrum.hpp"

#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"
#include "attnewton/random/stream.hpp"

#include "support/dense_spectrum.hpp"
#include "support/whole_regression.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

Matrix dense(const ScoreCurvature& c) {
  Matrix matrix = c.diagonal.asDiagonal();
  if (c.direction.size() > 0) {
    matrix += c.kappa * c.direction * c.direction.transpose();
    matrix -= c.direction * c.mixed.transpose() + c.mixed * c.direction.transpose();
  }
  return matrix;
}

ScoreCurvature share_of(const ScoreCurvature& whole) {
  const auto comm = Communicator::world();
  const Range rows = rows_of_rank(whole.diagonal.size(), comm.size(), comm.rank());
  const auto part = [&](const Vector& v) {
    return v.size() > 0 ? Vector(v.segment(rows.begin, rows.size())) : Vector();
  };
  return {part(whole.diagonal), part(whole.direction), part(whole.mixed), whole.kappa};
}

void expect_spectrum(const ScoreCurvature& whole) {
  const Vector expected = symmetric_eigenvalues(dense(whole));
  const double scale = expected.cwiseAbs().maxCoeff();
  const ScoreSpectrum found = extreme_score_curvature(Communicator::world(), share_of(whole));
  EXPECT_NEAR(found.smallest, expected[0], 1e-11 * scale);
  EXPECT_NEAR(found.largest, expected[expected.size() - 1], 1e-11 * scale);
}

// Random ones at many ratios of diagonal to rank 2 and of g̃ to s, κ of the sign that Bz has and 0.
TEST(ScoreSpectrum, AgreesWithDenseEigenvalues) {
  for (Index trial = 0; trial < 80; ++trial) {
    SCOPED_TRACE(trial);
    const RandomStream stream(5, RandomPurpose::inputs, static_cast<std::uint64_t>(trial));
    const Index n = 1 + trial % 17;
    const Matrix random = stream.normal_rows({0, n}, 3);
    const double size = std::pow(10, 3 * stream.normal(0, 10));
    const double skew = std::pow(10, 2 * stream.normal(0, 11));
    ScoreCurvature c{random.col(0), size * random.col(1), size * skew * random.col(2)};
    c.kappa = trial % 5 == 0 ? 0 : skew * stream.uniform(0, 12);
    if (trial % 3 == 0) c.diagonal.setConstant(0.7);        // one pole for all
    if (trial % 7 == 0) c.direction.head(n / 2).setZero();  // eigenvalues that are poles
    if (trial % 11 == 0) c.mixed = 2 * c.direction;         // rank 1
    expect_spectrum(c);
  }
}

TEST(ScoreSpectrum, WithoutRankTwoIsTheDiagonals) {
  Vector diagonal(9);
  diagonal << 3, -1, 2, 0, 8, 5, 5, -0.5, 1;
  const ScoreSpectrum found = extreme_score_curvature(Communicator::world(), share_of({diagonal, {}, {}, 0}));
  EXPECT_EQ(found.smallest, -1);
  EXPECT_EQ(found.largest, 8);
  expect_spectrum({diagonal, Vector::Zero(9), Vector::Ones(9), 1});
  expect_spectrum({diagonal, Vector::Unit(9, 4), Vector::Zero(9), 2});
}

TEST(ScoreSpectrum, EnclosesTheSpectrum) {
  const RandomStream stream(6, RandomPurpose::inputs);
  const Matrix random = stream.normal_rows({0, 40}, 3);
  const ScoreCurvature c{random.col(0), random.col(1), random.col(2), 0.5};
  const Vector expected = symmetric_eigenvalues(dense(c));
  const ScoreSpectrum found = extreme_score_curvature(Communicator::world(), share_of(c));
  EXPECT_LE(found.smallest, expected[0] + 1e-13);
  EXPECT_GE(found.largest, expected[39] - 1e-13);
}

TEST(ScoreSpectrum, NoRowsAreRefused) {
  EXPECT_THROW(extreme_score_curvature(Communicator::world(), {}), DataError);
}

}  // namespace
}  // namespace attnewton
