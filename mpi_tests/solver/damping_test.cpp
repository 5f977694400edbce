#include "attnewton/solver/damping.hpp"

#include <gtest/gtest.h>

namespace attnewton {
namespace {

TEST(Damping, FollowsTheRulesOfTheReference) {
  Damping damping({}, 100);
  EXPECT_DOUBLE_EQ(damping.shift(), 1);
  damping.raise_for_indefinite();
  EXPECT_DOUBLE_EQ(damping.shift(), 4);
  damping.raise_for_rejection();
  EXPECT_DOUBLE_EQ(damping.shift(), 12);
  damping.adapt_after(0.95, 0.5);
  EXPECT_DOUBLE_EQ(damping.shift(), 1.2);
  damping.adapt_after(0.6, 0.01);
  EXPECT_DOUBLE_EQ(damping.shift(), 0.36);
  damping.adapt_after(0.3, 0.01);
  EXPECT_DOUBLE_EQ(damping.shift(), 0.36);
  damping.adapt_after(0.1, 0.01);
  EXPECT_DOUBLE_EQ(damping.shift(), 0.72);
  damping.adapt_after(0.99, 0.01);
  EXPECT_DOUBLE_EQ(damping.shift(), 0.0072) << "follows a gradient that falls faster";
  EXPECT_FALSE(damping.accepts(0));
  EXPECT_TRUE(damping.accepts(0.01));
  for (int k = 0; k < 30; ++k) damping.adapt_after(1, 0.1);
  EXPECT_EQ(damping.shift(), 0) << "falls to nothing";
  damping.raise_for_indefinite();
  EXPECT_GT(damping.shift(), 0) << "and can rise again";
}

}  // namespace
}  // namespace attnewton
