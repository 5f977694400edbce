#include "bench_run.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <new>

#include <fmt/format.h>

#include "run_setup.hpp"

namespace attnewton {
namespace {

// Peaks that differ by more than this share of their median mean that the machine was not ours alone.
constexpr double noisy_share = 0.1;

// A short look at dgemm between kernels.
constexpr RepetitionRule one_look{.exactly = 1};

std::vector<std::pair<BenchKernel, AttentionKernel>> asked_kernels(const BenchOptions& options) {
  std::vector<std::pair<BenchKernel, AttentionKernel>> kernels = {
      {BenchKernel::gradient, AttentionKernel::gradient},
      {BenchKernel::hessian_vector, AttentionKernel::hessian_vector},
      {BenchKernel::assembly, AttentionKernel::assembly}};
  std::erase_if(kernels, [&](const auto& kernel) { return !is_asked_for(options, kernel.first); });
  return kernels;
}

BenchKernel named(AttentionKernel kernel) {
  switch (kernel) {
    case AttentionKernel::gradient:
      return BenchKernel::gradient;
    case AttentionKernel::hessian_vector:
      return BenchKernel::hessian_vector;
    case AttentionKernel::assembly:
      break;
  }
  return BenchKernel::assembly;
}

KernelRow described(AttentionKernel kernel, const AttentionCase& point) {
  KernelRow row;
  row.kernel = word_of(named(kernel));
  row.precision = to_string(point.precision);
  row.n = point.rows;
  row.d = point.width;
  row.output_width = point.output_width;
  row.sequence = point.sequence_length;
  row.mask = word_of(point.causal ? BenchMask::causal : BenchMask::none);
  row.variables = word_of(point.variables);
  if (kernel == AttentionKernel::assembly) row.hessian = word_of(point.hessian);
  row.count = operations_of(kernel, point);
  return row;
}

}  // namespace

void BenchRun::say(const std::string& line) const {
  if (options_.quiet || !comm_.is_root()) return;
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

void BenchRun::add_row(KernelRow row) {
  say(kernel_line(row, machine_.dgemm_gflops()));
  rows_.push_back(std::move(row));
}

void BenchRun::add_dgemm_row(const Rate& rate) {
  KernelRow row;
  row.kernel = word_of(BenchKernel::dgemm);
  row.precision = "double";
  row.n = row.d = options_.dgemm_side;
  row.repetitions = rate.repetitions;
  row.count.operations = rate.amount;
  add_row(std::move(row));
}

void BenchRun::add_exp_row(const Rate& rate, const char* precision) {
  KernelRow row;
  row.kernel = word_of(BenchKernel::exp);
  row.precision = precision;
  row.n = std::llround(rate.amount);
  row.d = 1;
  row.repetitions = rate.repetitions;
  row.count.exponentials = rate.amount;
  add_row(std::move(row));
}

void BenchRun::measure_machine() {
  check_memory(comm_,
               std::max(dgemm_memory_bytes(options_.dgemm_side), bandwidth_memory_bytes(comm_.size())));
  const RepetitionRule& rule = options_.repetitions;
  const Rate dgemm = measure_dgemm(comm_, options_.dgemm_side, rule);
  const Rate exp_double = measure_double_exponentials(comm_, rule);
  const Rate exp_float = measure_float_exponentials(comm_, rule);
  machine_.add_dgemm(dgemm);
  machine_.exp_per_second = exp_double.per_second();
  machine_.exp_float_per_second = exp_float.per_second();
  machine_.bandwidth = measure_bandwidth(comm_, rule).per_second() / 1e9;
  say(machine_text(machine_));
  say("");
  say(kernel_heading());
  if (is_asked_for(options_, BenchKernel::dgemm)) add_dgemm_row(dgemm);
  if (!is_asked_for(options_, BenchKernel::exp)) return;
  add_exp_row(exp_double, "double");
  add_exp_row(exp_float, "float");
}

void BenchRun::measure_kernel(AttentionKernel kernel, const AttentionCase& point,
                              const AttentionBench& bench) {
  KernelRow row = described(kernel, point);
  reset_peak_memory();
  row.repetitions = bench.measure(kernel, options_.repetitions);
  row.peak_memory_bytes = comm_.max(peak_memory_bytes());
  machine_.add_dgemm(measure_dgemm(comm_, options_.dgemm_side, one_look));
  add_row(std::move(row));
}

void BenchRun::measure_case(const AttentionCase& point) {
  const auto kernels = asked_kernels(options_);
  if (kernels.empty()) return;
  Index bytes = 0;
  for (const auto& [asked, kernel] : kernels)
    bytes = std::max(bytes, memory_bytes_of(kernel, point, comm_.size()));
  check_memory(comm_, bytes + dgemm_memory_bytes(options_.dgemm_side));
  try {
    const AttentionBench bench(comm_, point);
    for (const auto& [asked, kernel] : kernels) measure_kernel(kernel, point, bench);
  } catch (const std::bad_alloc&) {
    throw_out_of_memory(bytes);
  }
}

void BenchRun::measure_case(const RegressionCase& point) {
  if (!is_asked_for(options_, BenchKernel::regression)) return;
  const Index bytes = memory_bytes_of(point, comm_.size());
  check_memory(comm_, bytes + dgemm_memory_bytes(options_.dgemm_side));
  try {
    reset_peak_memory();
    const RegressionBench bench(comm_, point);
    for (const RegressionKernel kernel : {RegressionKernel::dsyrk, RegressionKernel::iteration}) {
      KernelRow row;
      row.kernel = kernel == RegressionKernel::dsyrk ? "dsyrk" : "regression";
      row.precision = to_string(Precision::full);
      row.n = point.rows;
      row.d = point.width;
      row.count = operations_of(kernel, point);
      row.repetitions = bench.measure(kernel, options_.repetitions);
      row.peak_memory_bytes = comm_.max(peak_memory_bytes());
      machine_.add_dgemm(measure_dgemm(comm_, options_.dgemm_side, one_look));
      add_row(std::move(row));
    }
  } catch (const std::bad_alloc&) {
    throw_out_of_memory(bytes);
  }
  const double ratio = rows_.back().repetitions.median() / rows_[rows_.size() - 2].repetitions.median();
  say(fmt::format("A regression's iteration takes {:.2f} times the dsyrk that it contains.", ratio));
}

void BenchRun::measure_case(const SketchCase& point) {
  if (!is_asked_for(options_, BenchKernel::sketch)) return;
  for (const SketchKernel kernel :
       {SketchKernel::walsh_hadamard, SketchKernel::tensor_srht, SketchKernel::tensor_sparse}) {
    const Index bytes = memory_bytes_of(kernel, point, comm_.size());
    check_memory(comm_, bytes + dgemm_memory_bytes(options_.dgemm_side));
    try {
      reset_peak_memory();
      KernelRow row;
      row.kernel = to_string(kernel);
      row.precision = to_string(Precision::full);
      row.n = point.rows;
      row.d = point.width;
      row.count = operations_of(kernel, point, comm_.size());
      row.repetitions = SketchBench(comm_, point).measure(kernel, options_.repetitions);
      row.peak_memory_bytes = comm_.max(peak_memory_bytes());
      machine_.add_dgemm(measure_dgemm(comm_, options_.dgemm_side, one_look));
      add_row(std::move(row));
    } catch (const std::bad_alloc&) {
      throw_out_of_memory(bytes);
    }
  }
}

void BenchRun::finish() {
  machine_.add_dgemm(measure_dgemm(comm_, options_.dgemm_side, options_.repetitions));
  say("");
  say(dgemm_text(machine_));
  const double change = std::abs(machine_.dgemm_gflops_last - machine_.dgemm_gflops_first);
  if (change > noisy_share * machine_.dgemm_gflops())
    warn(comm_, fmt::format("dgemm's speed changed by {:.0f} % in this run: something else kept the cores "
                            "busy, or their clock changed; shares are less exact than they look",
                            100 * change / machine_.dgemm_gflops()));
}

}  // namespace attnewton
