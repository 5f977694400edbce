#include "attnewton/bench/repetition.hpp"

#include <chrono>
#include <thread>

#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"

namespace attnewton {
namespace {

TEST(Repetition, MedianIsTheMiddle) {
  EXPECT_EQ(median({3}), 3);
  EXPECT_EQ(median({5, 1, 3}), 3);
  EXPECT_EQ(median({4, 1, 3, 2}), 2.5);
  EXPECT_EQ(median({1e300, 2, 2, 2}), 2);
  EXPECT_THROW(median({}), InternalError);
}

TEST(Repetition, SummariesAreOfAllRepetitions) {
  const Repetitions repetitions{{3, 1, 2}};
  EXPECT_EQ(repetitions.median(), 2);
  EXPECT_EQ(repetitions.fastest(), 1);
  EXPECT_EQ(repetitions.count(), 3);
}

TEST(Repetition, AnExactNumberIsKept) {
  const RepetitionRule rule{.exactly = 2};
  EXPECT_FALSE(rule.is_met(1, 1000));
  EXPECT_TRUE(rule.is_met(2, 0));
}

TEST(Repetition, ShortWorkIsRepeatedForAWhileAndLongWorkAFewTimes) {
  const RepetitionRule rule{
      .exactly = 0, .usual = 5, .usual_seconds = 1, .fewest = 3, .patience_seconds = 10};
  EXPECT_FALSE(rule.is_met(0, 0));
  EXPECT_FALSE(rule.is_met(100, 0.9));
  EXPECT_TRUE(rule.is_met(5, 1));
  EXPECT_FALSE(rule.is_met(4, 9.9));
  EXPECT_TRUE(rule.is_met(4, 10));
  EXPECT_TRUE(rule.is_met(3, 10));
  EXPECT_FALSE(rule.is_met(2, 1000));
}

TEST(Repetition, TheFirstRunWarmsUp) {
  int runs = 0;
  const Repetitions repetitions = repeat(Communicator::world(), {.exactly = 3}, [&runs] { ++runs; });
  EXPECT_EQ(repetitions.count(), 3);
  EXPECT_EQ(runs, 4);
}

TEST(Repetition, ALongFirstRunCounts) {
  int runs = 0;
  const Repetitions repetitions = repeat(Communicator::world(), {.exactly = 1}, [&runs] {
    ++runs;
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  });
  EXPECT_EQ(repetitions.count(), 1);
  EXPECT_EQ(runs, 1);
}

TEST(Repetition, TimesAreTheSlowestRanksAndTheSameEverywhere) {
  const Communicator comm = Communicator::world();
  const auto pause = std::chrono::milliseconds(comm.rank() == comm.size() - 1 ? 50 : 0);
  const Repetitions repetitions =
      repeat(comm, {.exactly = 2}, [pause] { std::this_thread::sleep_for(pause); });
  for (const double seconds : repetitions.seconds) {
    EXPECT_GE(seconds, 0.05);
    EXPECT_EQ(comm.min(seconds), comm.max(seconds));
  }
}

}  // namespace
}  // namespace attnewton
