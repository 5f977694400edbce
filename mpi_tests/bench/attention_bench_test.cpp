#include "attnewton/bench/attention_bench.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "attnewton/parallel/threads.hpp"

namespace attnewton {
namespace {

AttentionCase small_case() {
  AttentionCase small;
  small.rows = 50;
  small.width = 3;
  small.output_width = 2;
  small.sequence_length = 20;
  small.causal = true;
  return small;
}

constexpr AttentionKernel kernels[] = {AttentionKernel::gradient, AttentionKernel::hessian_vector,
                                       AttentionKernel::assembly};

TEST(AttentionBench, EveryKernelRunsInEveryForm) {
  prepare_blas(1);
  const Communicator comm = Communicator::world();
  for (const AttentionVariables variables : {AttentionVariables::joint, AttentionVariables::projected}) {
    for (const HessianForm form : {HessianForm::exact, HessianForm::gauss_newton}) {
      AttentionCase point = small_case();
      point.variables = variables;
      point.hessian = form;
      const AttentionBench bench(comm, point);
      for (const AttentionKernel kernel : kernels)
        EXPECT_EQ(bench.measure(kernel, {.exactly = 2}).count(), 2);
    }
  }
}

TEST(AttentionBench, FewerRowsThanWidthsStillWork) {
  prepare_blas(1);
  AttentionCase point = small_case();
  point.rows = point.sequence_length = 1;
  point.width = point.output_width = 4;
  point.variables = AttentionVariables::projected;
  const AttentionBench bench(Communicator::world(), point);
  for (const AttentionKernel kernel : kernels) EXPECT_EQ(bench.measure(kernel, {.exactly = 1}).count(), 1);
}

TEST(AttentionBench, OperationsAreThoseOfTheWholeProblem) {
  const AttentionCase point = small_case();
  const double visible = 2 * 210 + 55;  // Σ L(L+1)/2 over 20, 20 and 10 rows
  for (const AttentionKernel kernel : kernels) EXPECT_EQ(operations_of(kernel, point).exponentials, visible);
  // 2V(3·3 + 3 + 3·2) and 2V·3² besides what does not grow with V.
  EXPECT_EQ(operations_of(AttentionKernel::hessian_vector, point).score_operations, 2 * visible * 17);
  EXPECT_EQ(operations_of(AttentionKernel::assembly, point).score_operations, 2 * visible * 9);
}

TEST(AttentionBench, MemoryCountsTheHessianOnlyWhereThereIsOne) {
  AttentionCase point = small_case();
  point.width = point.output_width = 64;
  const double h = 8.0 * 8192 * 8192;
  EXPECT_LT(static_cast<double>(memory_bytes_of(AttentionKernel::gradient, point, 1)), 1e6);
  EXPECT_GT(static_cast<double>(memory_bytes_of(AttentionKernel::assembly, point, 1)), h);
  EXPECT_LT(static_cast<double>(memory_bytes_of(AttentionKernel::assembly, point, 4)), h);
  point.rows = Index{1} << 40;
  point.width = Index{1} << 16;
  EXPECT_GT(memory_bytes_of(AttentionKernel::assembly, point, 1), Index{1} << 60);  // no overflow
}

}  // namespace
}  // namespace attnewton
