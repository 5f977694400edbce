#include "bench_options.hpp"

#include <algorithm>

#include "attnewton/core/error.hpp"

#include "run_setup.hpp"

namespace attnewton {
namespace {

template <class Enum>
using Named = std::vector<std::pair<std::string, Enum>>;

const Named<BenchKernel>& kernel_words() {
  static const Named<BenchKernel> words = {
      {"gradient", BenchKernel::gradient}, {"hessian-vector", BenchKernel::hessian_vector},
      {"assembly", BenchKernel::assembly}, {"exp", BenchKernel::exp},
      {"dgemm", BenchKernel::dgemm},       {"regression", BenchKernel::regression},
      {"sketch", BenchKernel::sketch},     {"all", BenchKernel::all}};
  return words;
}

const Named<BenchMask>& mask_words() {
  static const Named<BenchMask> words = {{"none", BenchMask::none}, {"causal", BenchMask::causal}};
  return words;
}

const Named<AttentionVariables>& variables_words() {
  static const Named<AttentionVariables> words = {{"joint", AttentionVariables::joint},
                                                  {"projected", AttentionVariables::projected}};
  return words;
}

const Named<HessianForm>& hessian_words() {
  static const Named<HessianForm> words = {{"exact", HessianForm::exact},
                                           {"gauss-newton", HessianForm::gauss_newton}};
  return words;
}

template <class Enum>
std::string word_in(const Named<Enum>& words, Enum value) {
  for (const auto& [word, named] : words) {
    if (named == value) return word;
  }
  return {};
}

void add_grid(OptionTable& table, BenchOptions& options) {
  constexpr Index most_rows = Index{1} << 40;
  constexpr Index most_columns = Index{1} << 16;
  table.group("What to time: every combination of the lists");
  table.choices<BenchKernel>(
      "kernel", options.kernels, kernel_words(),
      "gradient: loss and gradient at a point; hessian-vector: one product; assembly: the Hessian into "
      "block-cyclic storage; exp and dgemm: the machine's own speed, on all ranks and threads at once; all: "
      "these "
      "five. regression: a Newton iteration of a dense softmax regression with n rows of d columns, and the "
      "dsyrk "
      "of the same rows. sketch: the Walsh–Hadamard transform of n rows of d columns, and TensorSRHT and "
      "TensorSparse of their Kronecker product with themselves.");
  table.integers("n", options.rows, {.at_least = 1, .at_most = most_rows}, "Query and key rows n.");
  table.integers("d", options.widths, {.at_least = 1, .at_most = most_columns}, "Width d of the inputs.");
  table.integers("sequence", options.sequences, {.at_least = 0},
                 "Rows a sequence, the last one may be shorter; 0: one sequence of all rows.");
  table.choices<BenchMask>("mask", options.masks, mask_words(),
                           "Query j of a sequence sees all its keys, or those up to j only.");
  table.flag("causal", options.causal, "The same as --mask causal.");
}

void add_problem(OptionTable& table, BenchOptions& options) {
  table.group("Problem");
  table.integer("output-width", options.output_width, {.at_least = 0, .at_most = Index{1} << 16},
                "Width e of the output B; 0: that of the inputs.");
  table.choice<AttentionVariables>("variables", options.variables, variables_words(),
                                   "X and Y given; or X alone, with the best Y for it found at each point.");
  table.choice<HessianForm>("hessian", options.hessian, hessian_words(),
                            "What assembly assembles: the Hessian, or its Gauss–Newton part.");
  table.choices<Precision>(
      "precision", options.precisions,
      {{to_string(Precision::full), Precision::full}, {to_string(Precision::mixed), Precision::mixed}},
      "Arithmetic: double, or mixed: tiles and exponentials in float, sums in double.");
  table.seed("seed", options.seed, "Seed of the random inputs.");
}

void add_running(OptionTable& table, BenchOptions& options) {
  table.group("Running and output");
  table.integer("repetitions", options.repetitions.exactly, {.at_least = 0},
                "Repetitions of each kernel, of which the median counts; 0: at least 5 and for a second, of "
                "slow kernels at least 3.");
  table.integer("dgemm-size", options.dgemm_side, {.at_least = 1, .at_most = 32768},
                "Side of the square products that give the dgemm speed, one a thread.");
  table.path("out", "DIR", options.out, "Folder for bench.json.");
  add_config(table, options.config);
  add_threads(table, options.threads);
  table.flag("quiet", options.quiet, "Print warnings and errors only.");
}

}  // namespace

void add_bench_options(OptionTable& table, BenchOptions& options) {
  add_grid(table, options);
  add_problem(table, options);
  add_running(table, options);
}

void check_bench_options(const OptionTable& table, const BenchOptions& options) {
  if (options.causal && table.is_given("mask"))
    throw UsageError("--causal and --mask are both given: --mask none,causal times both");
  if (options.quiet && options.out.empty())
    throw UsageError("--quiet without --out DIR would show nothing: give the folder for bench.json");
}

bool is_asked_for(const BenchOptions& options, BenchKernel kernel) {
  return std::any_of(options.kernels.begin(), options.kernels.end(), [kernel](BenchKernel asked) {
    const bool is_in_all = kernel != BenchKernel::regression && kernel != BenchKernel::sketch;
    return asked == kernel || (asked == BenchKernel::all && is_in_all);
  });
}

std::vector<RegressionCase> regression_grid_of(const BenchOptions& options) {
  std::vector<RegressionCase> grid;
  for (const Index rows : options.rows) {
    for (const Index width : options.widths) grid.push_back({rows, width, options.seed});
  }
  return grid;
}

std::vector<SketchCase> sketch_grid_of(const BenchOptions& options) {
  std::vector<SketchCase> grid;
  for (const Index rows : options.rows) {
    for (const Index width : options.widths) grid.push_back({rows, width, options.seed});
  }
  return grid;
}

std::vector<AttentionCase> grid_of(const BenchOptions& options) {
  const std::vector<BenchMask> masks = options.causal ? std::vector{BenchMask::causal} : options.masks;
  std::vector<AttentionCase> grid;
  for (const Index rows : options.rows) {
    for (const Index width : options.widths) {
      for (const Index sequence : options.sequences) {
        for (const BenchMask mask : masks) {
          for (const Precision precision : options.precisions) {
            AttentionCase point;
            point.precision = precision;
            point.rows = rows;
            point.width = width;
            point.output_width = options.output_width > 0 ? options.output_width : width;
            point.sequence_length = sequence > 0 ? std::min(sequence, rows) : rows;
            point.causal = mask == BenchMask::causal;
            point.variables = options.variables;
            point.hessian = options.hessian;
            point.seed = options.seed;
            grid.push_back(point);
          }
        }
      }
    }
  }
  return grid;
}

std::string word_of(BenchKernel kernel) {
  return word_in(kernel_words(), kernel);
}

std::string word_of(BenchMask mask) {
  return word_in(mask_words(), mask);
}

std::string word_of(AttentionVariables variables) {
  return word_in(variables_words(), variables);
}

std::string word_of(HessianForm form) {
  return word_in(hessian_words(), form);
}

}  // namespace attnewton
