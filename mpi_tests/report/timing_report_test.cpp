#include "attnewton/report/timing_report.hpp"

#include <gtest/gtest.h>

namespace attnewton {
namespace {

// Rank r spends r + 1 s in "load"; all but rank 0 have "extra phase" inside, ranks enter "solve" r times.
void fill(TimingTree& tree, int rank) {
  tree.enter("load");
  if (rank > 0) {
    tree.enter("extra phase");
    tree.leave(0.5);
  }
  tree.leave(rank + 1);
  for (int i = 0; i < rank; ++i) {
    tree.enter("solve");
    tree.leave(2);
  }
  tree.enter("write");
  tree.leave(0.25);
}

TEST(TimingReport, MergesRanksThatLackPhases) {
  const auto comm = Communicator::world();
  const int size = comm.size();
  TimingTree tree;
  fill(tree, comm.rank());
  const TimingSummary all = summarise_timing(comm, tree.root());
  EXPECT_EQ(all.name, "total");
  EXPECT_EQ(all.calls.min, 1);

  const std::size_t phases = size > 1 ? 3 : 2;
  ASSERT_EQ(all.children.size(), phases);
  const TimingSummary& load = all.children[0];
  EXPECT_EQ(load.name, "load");
  EXPECT_DOUBLE_EQ(load.seconds.min, 1);
  EXPECT_DOUBLE_EQ(load.seconds.mean, (size + 1) / 2.0);
  EXPECT_DOUBLE_EQ(load.seconds.max, size);
  // Rank 0 has no "solve": it comes after rank 0's phases.
  EXPECT_EQ(all.children[1].name, "write");
  if (size == 1) return;

  const TimingSummary& solve = all.children[2];
  EXPECT_EQ(solve.name, "solve");
  EXPECT_EQ(solve.calls.min, 0);
  EXPECT_DOUBLE_EQ(solve.calls.mean, (size - 1) / 2.0);
  EXPECT_EQ(solve.calls.max, size - 1);
  EXPECT_DOUBLE_EQ(solve.seconds.max, 2 * (size - 1));
  ASSERT_EQ(load.children.size(), 1U);
  EXPECT_EQ(load.children[0].name, "extra phase");
  EXPECT_DOUBLE_EQ(load.children[0].seconds.mean, 0.5 * (size - 1) / size);
  EXPECT_DOUBLE_EQ(load.children[0].seconds.min, 0);
}

TEST(TimingReport, PhasesOfOneNameInTwoPlacesStayApart) {
  TimingTree tree;
  tree.enter("a");
  tree.enter("x");
  tree.leave(1);
  tree.leave(1);
  tree.enter("b");
  tree.enter("x");
  tree.leave(2);
  tree.leave(2);
  const TimingSummary all = summarise_timing(Communicator::world(), tree.root());
  ASSERT_EQ(all.children.size(), 2U);
  EXPECT_DOUBLE_EQ(all.children[0].children.at(0).seconds.max, 1);
  EXPECT_DOUBLE_EQ(all.children[1].children.at(0).seconds.max, 2);
}

TEST(TimingReport, TableIndentsAndLineLeavesOutTrifles) {
  TimingSummary all{"total", {1, 1, 1}, {10, 10, 10}, {}};
  all.children.push_back({"load", {1, 1, 1}, {0.01, 0.02, 0.03}, {}});
  all.children.push_back({"solve", {1, 1, 1}, {9, 9, 9}, {}});
  all.children[1].children.push_back({"hessian", {4, 4, 4}, {5, 6, 7}, {}});
  EXPECT_EQ(timing_line(all), "time: 10.00 s: solve 9.00");
  const std::string table = timing_table(all);
  EXPECT_NE(table.find("\n  load "), std::string::npos);
  EXPECT_NE(table.find("\n    hessian "), std::string::npos);
}

}  // namespace
}  // namespace attnewton
