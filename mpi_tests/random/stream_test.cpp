#include "attnewton/random/stream.hpp"

#include <cmath>

#include <gtest/gtest.h>

namespace attnewton {
namespace {

TEST(RandomStream, AnEntryDependsOnItsAddressAlone) {
  const RandomStream stream(7, RandomPurpose::inputs);
  const Matrix all = stream.normal_rows({0, 20}, 5);
  const Matrix part = stream.normal_rows({13, 20}, 5);
  EXPECT_EQ(all.bottomRows(7), part);
  EXPECT_EQ(all(4, 3), stream.normal(4, 3));
}

TEST(RandomStream, SeedPurposeAndIterationGiveOtherNumbers) {
  const double base = RandomStream(7, RandomPurpose::inputs, 0).normal(3, 2);
  EXPECT_NE(base, RandomStream(8, RandomPurpose::inputs, 0).normal(3, 2));
  EXPECT_NE(base, RandomStream(7, RandomPurpose::noise, 0).normal(3, 2));
  EXPECT_NE(base, RandomStream(7, RandomPurpose::inputs, 1).normal(3, 2));
  EXPECT_NE(base, RandomStream(7, RandomPurpose::inputs, 0).normal(2, 3));
}

// The address makes the number, in every version. Expected values from NumPy's Philox at the same counter and
// key.
TEST(RandomStream, NumbersArePinned) {
  const RandomStream stream(2309, RandomPurpose::planted_x, 7418);
  EXPECT_DOUBLE_EQ(stream.uniform(3, 5), 0.16695869969161203);
  EXPECT_DOUBLE_EQ(stream.normal(3, 5), -1.1417369694043054);
  EXPECT_DOUBLE_EQ(stream.normal(5, 3), -0.08844315408805901);
}

// Fixed seed. Mean and second moment of 10^5 normals lie within five standard errors, the fourth moment too:
// a correct generator fails with odds below 2e-6.
TEST(RandomStream, NormalsHaveTheRightMoments) {
  const Index n = 100000;
  const RandomStream stream(2024, RandomPurpose::noise);
  double mean = 0;
  double second = 0;
  double fourth = 0;
  for (Index i = 0; i < n; ++i) {
    const double z = stream.normal(i);
    mean += z;
    second += z * z;
    fourth += z * z * z * z;
  }
  const double count = static_cast<double>(n);
  const double root = std::sqrt(count);
  EXPECT_NEAR(mean / count, 0, 5 / root);
  EXPECT_NEAR(second / count, 1, 5 * std::sqrt(2) / root);
  EXPECT_NEAR(fourth / count, 3, 5 * std::sqrt(96) / root);
}

// Fixed seed. 64 equal bins, chi-square with 63 degrees of freedom: above 130 with odds below 2e-6.
TEST(RandomStream, UniformsFillTheInterval) {
  const RandomStream stream(99, RandomPurpose::start);
  std::vector<int> bins(64, 0);
  const int n = 64000;
  for (Index i = 0; i < n; ++i) {
    const double u = stream.uniform(i, 17);
    ASSERT_GT(u, 0);
    ASSERT_LT(u, 1);
    ++bins[static_cast<std::size_t>(u * 64)];
  }
  double chi_square = 0;
  for (int count : bins) chi_square += (count - 1000.0) * (count - 1000.0) / 1000.0;
  EXPECT_LT(chi_square, 130);
}

}  // namespace
}  // namespace attnewton
