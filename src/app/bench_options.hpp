// The options of attnewton bench.
#pragma once

#include <string>
#include <vector>

#include "attnewton/bench/attention_bench.hpp"
#include "attnewton/bench/regression_bench.hpp"
#include "attnewton/bench/sketch_bench.hpp"

#include "option_table.hpp"

namespace attnewton {

/// `all` is all of the attention kernels and the machine's own.
enum class BenchKernel { gradient, hessian_vector, assembly, exp, dgemm, regression, sketch, all };

enum class BenchMask { none, causal };

struct BenchOptions {
  std::vector<BenchKernel> kernels = {BenchKernel::all};
  std::vector<Index> rows = {4096};
  std::vector<Index> widths = {64};
  std::vector<Index> sequences = {0};
  std::vector<BenchMask> masks = {BenchMask::none};
  bool causal = false;
  std::vector<Precision> precisions = {AttentionCase().precision};
  Index output_width = 0;  ///< 0: that of the inputs
  AttentionVariables variables = AttentionCase().variables;
  HessianForm hessian = AttentionCase().hessian;
  std::uint64_t seed = AttentionCase().seed;
  RepetitionRule repetitions;
  Index dgemm_side = 2048;  ///< large enough for BLAS to reach its peak, some tenths of a second a product
  std::string out;
  std::string config;
  Index threads = 0;
  bool quiet = false;
};

/// Adds all of them. `options` must outlive the table's use.
void add_bench_options(OptionTable& table, BenchOptions& options);

/// Throws UsageError if the options do not go together; `table` knows which were given.
void check_bench_options(const OptionTable& table, const BenchOptions& options);

/// Whether this kernel is asked for, by its name or, unless it is `regression` or `sketch`, by `all`.
bool is_asked_for(const BenchOptions& options, BenchKernel kernel);

/// Every n and d of the grid, rows outermost.
std::vector<RegressionCase> regression_grid_of(const BenchOptions& options);
std::vector<SketchCase> sketch_grid_of(const BenchOptions& options);

/// Every point of the grid: rows outermost, then widths, sequences, masks, precisions.
std::vector<AttentionCase> grid_of(const BenchOptions& options);

/// What is printed and written of a kernel, a mask, a choice: the words that its option takes.
std::string word_of(BenchKernel kernel);
std::string word_of(BenchMask mask);
std::string word_of(AttentionVariables variables);
std::string word_of(HessianForm form);

}  // namespace attnewton
