// Ranges of links over intervals against the links themselves, sampled.
#include "attnewton/problems/link_range.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "attnewton/random/stream.hpp"

namespace attnewton {
namespace {

const std::vector<LinkFunction> every_link = {
    {Link::exp},       {Link::cosh},        {Link::sinh},     {Link::soft_residual}, {Link::identity},
    {Link::power, 2},  {Link::power, 3},    {Link::power, 5}, {Link::power, 0.5},    {Link::power, 2.5},
    {Link::power, -1}, {Link::power, -1.5}, {Link::power, 0}};

bool needs_positive(const LinkFunction& link) {
  return link.kind == Link::power && (link.exponent < 0 || link.exponent != std::floor(link.exponent));
}

// φ‴ by a central difference of φ″.
double third_derivative(const LinkFunction& link, double z) {
  const double h = 1e-4 * std::max(0.1, std::abs(z));
  Vector ends(2);
  ends << z - h, z + h;
  const Vector curvature = evaluate_link(link, ends).curvature;
  return (curvature[1] - curvature[0]) / (2 * h);
}

// What 400 points of an interval, both ends among them, come to.
LinkRange sampled(const LinkFunction& link, double low, double high) {
  const Vector z = Vector::LinSpaced(400, low, high);
  const LinkValues values = evaluate_link(link, z);
  LinkRange range{values.value.minCoeff(), values.value.maxCoeff(), values.slope.cwiseAbs().maxCoeff(),
                  values.curvature.cwiseAbs().maxCoeff()};
  for (const double at : z) range.third = std::max(range.third, std::abs(third_derivative(link, at)));
  return range;
}

TEST(LinkRange, EnclosesTheLinkAndIsAttained) {
  const RandomStream stream(77, RandomPurpose::inputs);
  for (const LinkFunction& link : every_link) {
    for (Index trial = 0; trial < 40; ++trial) {
      double low = 3 * stream.normal(trial, 0);
      if (needs_positive(link)) low = 0.2 + std::abs(low);
      const double high = low + 3 * stream.uniform(trial, 1);
      SCOPED_TRACE(testing::Message() << formula(link) << " on [" << low << ", " << high << "]");
      const LinkRange bound = range_of_link(link, low, high);
      const LinkRange found = sampled(link, low, high);
      const double slack = 1e-12 * (1 + std::abs(found.least) + std::abs(found.most));
      EXPECT_LE(bound.least, found.least + slack);
      EXPECT_GE(bound.most, found.most - slack);
      EXPECT_GE(bound.slope * (1 + 1e-12), found.slope);
      EXPECT_GE(bound.curvature * (1 + 1e-12), found.curvature);
      EXPECT_GE(bound.third * (1 + 1e-5) + 1e-5, found.third);
      // Attained by a sample, or by a point between two of them.
      const double width = found.most - found.least;
      EXPECT_NEAR(bound.least, found.least, 0.01 * width + slack);
      EXPECT_NEAR(bound.most, found.most, 0.01 * width + slack);
      EXPECT_LE(bound.slope, found.slope * 1.05 + 1e-3);
      EXPECT_LE(bound.curvature, found.curvature * 1.05 + 1e-3);
      EXPECT_LE(bound.third, found.third * 1.05 + 1e-3);
    }
  }
}

TEST(LinkRange, IsInfiniteOutsideTheDomain) {
  for (const double exponent : {0.5, -1.0, -1.5}) {
    const LinkRange range = range_of_link({Link::power, exponent}, -0.5, 1);
    EXPECT_EQ(range.slope, INFINITY);
    EXPECT_EQ(range.third, INFINITY);
    EXPECT_EQ(range.least, -INFINITY);
  }
  EXPECT_EQ(range_of_link({Link::power, 0.5}, 0, 1).slope, INFINITY);
  EXPECT_EQ(range_of_link({Link::power, 2.5}, 0, 1).third, INFINITY);
  EXPECT_EQ(range_of_link({Link::power, 2.5}, 0, 1).curvature, 3.75);
  EXPECT_EQ(range_of_link({Link::power, 2}, -2, 1).least, 0);
}

}  // namespace
}  // namespace attnewton
