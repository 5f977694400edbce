#include "attnewton/bench/machine_figures.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "attnewton/parallel/threads.hpp"

namespace attnewton {
namespace {

constexpr RepetitionRule twice{.exactly = 2};

void expect_a_rate(const Rate& rate) {
  EXPECT_EQ(rate.repetitions.count(), 2);
  EXPECT_GT(rate.per_second(), 0);
  EXPECT_TRUE(std::isfinite(rate.per_second()));
}

TEST(MachineFigures, DgemmCountsAProductAThreadOfEachRank) {
  prepare_blas(1);
  const Communicator comm = Communicator::world();
  const ThreadLimit limit(2);
  const Rate rate = measure_dgemm(comm, 40, twice);
  expect_a_rate(rate);
  EXPECT_EQ(rate.amount, comm.size() * 2 * 2.0 * 40 * 40 * 40);
}

TEST(MachineFigures, ExponentialsAreAsManyOnEachThread) {
  const Communicator comm = Communicator::world();
  double one_thread = 0;
  {
    const ThreadLimit limit(1);
    const Rate rate = measure_double_exponentials(comm, twice);
    expect_a_rate(rate);
    one_thread = rate.amount;
  }
  const ThreadLimit limit(2);
  const Rate rate = measure_float_exponentials(comm, twice);
  expect_a_rate(rate);
  EXPECT_EQ(rate.amount, 2 * one_thread);
}

TEST(MachineFigures, BandwidthIsOverArraysOfTheSizeThatIsAnnounced) {
  const Communicator comm = Communicator::world();
  const ThreadLimit limit(1);
  const Rate rate = measure_bandwidth(comm, {.exactly = 2});
  expect_a_rate(rate);
  const auto announced = static_cast<double>(bandwidth_memory_bytes(comm.size())) * comm.size();
  EXPECT_LE(rate.amount, announced);
  EXPECT_GE(rate.amount, announced - 24.0 * comm.size());
}

}  // namespace
}  // namespace attnewton
