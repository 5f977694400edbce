// One run of attnewton bench: the machine's figures, then a row a kernel and point of the grid.
#pragma once

#include "attnewton/report/bench_report.hpp"

#include "bench_options.hpp"

namespace attnewton {

/// Measures and, unless quiet, prints on rank 0 as it goes. Every function is collective.
class BenchRun {
 public:
  /// `options` must outlive this.
  BenchRun(const Communicator& comm, const BenchOptions& options) : comm_(comm), options_(options) {}

  /// dgemm, exponentials and memory, with rows for the first two if they are asked for.
  void measure_machine();
  /// The attention kernels that are asked for, at one point of the grid.
  void measure_case(const AttentionCase& point);
  /// A regression's iteration and its dsyrk, if they are asked for.
  void measure_case(const RegressionCase& point);
  /// The Walsh–Hadamard transform and the tensor sketches, if they are asked for.
  void measure_case(const SketchCase& point);
  /// Measures dgemm once more and warns if its speed is not what it was at the start.
  void finish();

  const MachineFigures& machine() const { return machine_; }
  const std::vector<KernelRow>& rows() const { return rows_; }

 private:
  void say(const std::string& line) const;
  void measure_kernel(AttentionKernel kernel, const AttentionCase& point, const AttentionBench& bench);
  void add_dgemm_row(const Rate& rate);
  void add_exp_row(const Rate& rate, const char* precision);
  void add_row(KernelRow row);

  Communicator comm_;
  const BenchOptions& options_;
  MachineFigures machine_;
  std::vector<KernelRow> rows_;
};

}  // namespace attnewton
