#include "attnewton/bench/regression_bench.hpp"

#include <gtest/gtest.h>

namespace attnewton {
namespace {

TEST(RegressionBench, CountsTheWork) {
  const RegressionCase bench_case{.rows = 1000, .width = 10};
  EXPECT_EQ(operations_of(RegressionKernel::dsyrk, bench_case).operations, 110000);
  const OperationCount iteration = operations_of(RegressionKernel::iteration, bench_case);
  EXPECT_NEAR(iteration.operations, 110000 + 80000 + 1000.0 / 3, 1e-9);
  EXPECT_EQ(iteration.exponentials, 1000);
  EXPECT_GT(memory_bytes_of(bench_case, 1), 80000);
}

TEST(RegressionBench, TimesIterationsAndDsyrkOnAnyRanks) {
  const Communicator comm = Communicator::world();
  for (const Index rows : {Index{2}, Index{500}}) {
    const RegressionBench bench(comm, {.rows = rows, .width = 7});
    for (const RegressionKernel kernel : {RegressionKernel::dsyrk, RegressionKernel::iteration}) {
      const Repetitions times = bench.measure(kernel, {.exactly = 12});
      EXPECT_EQ(times.count(), 12);
      EXPECT_GT(times.fastest(), 0);
      EXPECT_EQ(comm.min(times.median()), comm.max(times.median()));
    }
  }
}

}  // namespace
}  // namespace attnewton
