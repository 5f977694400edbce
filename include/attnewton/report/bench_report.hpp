// What `attnewton bench` measured: the table that a user watches, and bench.json.
#pragma once

#include <string>
#include <vector>

#include "attnewton/bench/machine_figures.hpp"
#include "attnewton/bench/operation_count.hpp"
#include "attnewton/report/result.hpp"

namespace attnewton {

/// A kernel at one point of the grid. What does not concern a kernel keeps its default and is left out of
/// bench.json.
struct KernelRow {
  std::string kernel;           ///< as --kernel names it
  std::string precision;        ///< "double", "mixed" (attention) or "float" (exp)
  Index n = 0;                  ///< rows; of dgemm the side; of exp the exponentials of a repetition
  Index d = 0;                  ///< width of the inputs; of dgemm the side; of exp 1
  Index output_width = 0;       ///< e
  Index sequence = 0;           ///< rows a sequence
  std::string mask;             ///< none or causal
  std::string variables;        ///< joint or projected
  std::string hessian;          ///< exact or gauss-newton
  Repetitions repetitions;      ///< seconds of each, of the slowest rank
  OperationCount count;         ///< of a repetition, all ranks together
  Index peak_memory_bytes = 0;  ///< resident while it ran, of the rank that used most
};

/// Speeds that the machine reached, all ranks together.
struct MachineFigures {
  /// GFLOP/s of every dgemm repetition, in order: some before all kernels, one after each, some at the end. A
  /// machine that others use as well shows here.
  std::vector<double> dgemm_gflops_samples;
  double dgemm_gflops_first = 0;    ///< median of those before all kernels
  double dgemm_gflops_last = 0;     ///< median of those at the end
  double exp_per_second = 0;        ///< exponentials of doubles
  double exp_float_per_second = 0;  ///< exponentials of floats
  double bandwidth = 0;             ///< GB/s of the triad

  /// Adds the samples of one more measurement, which becomes the last, and the first if it is.
  void add_dgemm(const Rate& rate);
  /// Median of all samples: what shares are taken of.
  double dgemm_gflops() const;
};

struct BenchReport {
  MachineFigures machine;
  std::vector<KernelRow> kernels;
  int ranks = 1;
  int threads_per_rank = 1;
  std::vector<UsedOption> options;
  Provenance provenance;
};

/// GFLOP/s of `operations` in the median time of a row.
double gflops(const KernelRow& row, double operations);

/// Exponentials a second, in the median time of a row.
double exponentials_per_second(const KernelRow& row);

/// The machine's figures as lines for the console.
std::string machine_text(const MachineFigures& machine);

/// The heading of the table, and a row of it; shares are of the dgemm speed measured so far.
std::string kernel_heading();
std::string kernel_line(const KernelRow& row, double dgemm_gflops);

/// The dgemm speed at the start, at the end and in the middle, as a line.
std::string dgemm_text(const MachineFigures& machine);

/// `report` as bench.json has it: indented, keys in a fixed order, numbers that are not finite as strings.
std::string bench_json(const BenchReport& report);

}  // namespace attnewton
