#include "attnewton/core/timing.hpp"

#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"

namespace attnewton {
namespace {

TEST(TimingTree, NestsPhasesAndAddsRepeatedOnes) {
  TimingTree tree;
  tree.enter("solve");
  tree.enter("gradient");
  tree.leave(1.5);
  tree.enter("gradient");
  tree.leave(0.5);
  tree.leave(3);
  const TimingNode& root = tree.root();
  ASSERT_EQ(root.children.size(), 1U);
  const TimingNode& solve = *root.children[0];
  EXPECT_EQ(solve.name, "solve");
  EXPECT_DOUBLE_EQ(solve.seconds, 3);
  ASSERT_EQ(solve.children.size(), 1U);
  EXPECT_EQ(solve.children[0]->calls, 2);
  EXPECT_DOUBLE_EQ(solve.children[0]->seconds, 2);
}

TEST(TimingTree, RefusesToLeaveTheRoot) {
  TimingTree tree;
  EXPECT_THROW(tree.leave(0), InternalError);
}

}  // namespace
}  // namespace attnewton
