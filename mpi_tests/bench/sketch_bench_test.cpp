#include "attnewton/bench/sketch_bench.hpp"

#include <cmath>

#include <gtest/gtest.h>

namespace attnewton {
namespace {

TEST(SketchBench, CountsTheWork) {
  const SketchCase bench_case{.rows = 1000, .width = 4};
  EXPECT_EQ(operations_of(SketchKernel::walsh_hadamard, bench_case, 3).operations, 3 * 1024.0 * 10 * 4);
  // 30 · 4² = 480 rows.
  EXPECT_NEAR(operations_of(SketchKernel::tensor_srht, bench_case, 3).operations,
              2 * (1024 * std::log2(480.0) + 480) * 4, 1e-9);
  // 24 · 4² = 384 rows, four blocks of 96.
  EXPECT_NEAR(operations_of(SketchKernel::tensor_sparse, bench_case, 3).operations,
              2 * 4 * (4000 + 2.5 * 384 * std::log2(96.0)), 1e-9);
  for (const SketchKernel kernel :
       {SketchKernel::walsh_hadamard, SketchKernel::tensor_srht, SketchKernel::tensor_sparse})
    EXPECT_GT(memory_bytes_of(kernel, bench_case, 1), 32000);
}

TEST(SketchBench, TimesEveryKernelOnAnyRanks) {
  const Communicator comm = Communicator::world();
  for (const Index rows : {Index{1}, Index{300}}) {
    const SketchBench bench(comm, {.rows = rows, .width = 3});
    for (const SketchKernel kernel :
         {SketchKernel::walsh_hadamard, SketchKernel::tensor_srht, SketchKernel::tensor_sparse}) {
      const Repetitions times = bench.measure(kernel, {.exactly = 3});
      EXPECT_EQ(times.count(), 3);
      EXPECT_GT(times.fastest(), 0);
      EXPECT_EQ(comm.min(times.median()), comm.max(times.median()));
    }
  }
}

}  // namespace
}  // namespace attnewton
