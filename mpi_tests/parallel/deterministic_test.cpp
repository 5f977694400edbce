#include "attnewton/parallel/deterministic.hpp"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "attnewton/parallel/threads.hpp"

namespace attnewton {
namespace {

double harmonic_like_sum() {
  return deterministic_sum(
      100000, 0.0, [](Index i) { return std::sin(static_cast<double>(i)) / (1.0 + static_cast<double>(i)); });
}

TEST(Deterministic, SumHasTheSameBitsForAnyNumberOfThreads) {
  double one = 0;
  {
    const ThreadLimit limit(1);
    one = harmonic_like_sum();
  }
  const ThreadLimit limit(2);
  for (int repeat = 0; repeat < 20; ++repeat) EXPECT_EQ(harmonic_like_sum(), one);
}

TEST(Deterministic, EveryTaskRunsOnce) {
  std::vector<int> visits(1000, 0);
  for_each_task(1000, [&](Index i) { ++visits[static_cast<std::size_t>(i)]; });
  for (int count : visits) EXPECT_EQ(count, 1);
  for_each_task(0, [&](Index) { FAIL(); });
}

TEST(Threads, BindingWarningNamesTheFlag) {
  EXPECT_FALSE(binding_warning(2, 2).has_value());
  const auto warning = binding_warning(4, 1);
  ASSERT_TRUE(warning.has_value());
  EXPECT_NE(warning->find("--bind-to none"), std::string::npos);
  EXPECT_NE(warning->find("--threads 1"), std::string::npos);
}

TEST(Threads, CoresAreSharedAmongUnboundRanks) {
  const auto comm = Communicator::world();
  const int cores = cores_of_rank(comm);
  EXPECT_GE(cores, 1);
}

}  // namespace
}  // namespace attnewton
