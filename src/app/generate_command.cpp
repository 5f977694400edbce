// attnewton generate: planted problems as files.
#include <memory>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"

#include "command.hpp"
#include "generate_options.hpp"
#include "run_setup.hpp"

namespace attnewton {
namespace {

class GenerateCommand : public Command {
 public:
  GenerateCommand();

  OptionTable& table() override { return table_; }
  void check_options() const override;
  ExitCode run(const Communicator& comm, const std::string& command_line) override;

 private:
  void add_sizes();
  void add_regression();

  GenerateOptions options_;
  OptionTable table_;
};

GenerateCommand::GenerateCommand()
    : table_(
          "generate",
          "Writes a planted problem: random inputs or given ones, known unknowns, and the target that they "
          "make.") {
  table_.group("Problem");
  add_problem_kind(table_, options_.problem,
                   "What to make: one self-attention layer, or a regression of some kind.");
  add_sizes();
  add_regression();
  table_.group("Running and output");
  table_.path(
      "out", "DIR", options_.out,
      "Folder for the files: a1.npy, b.npy, offsets.npy, x_true.npy, y_true.npy (attention); a.npy and "
      "b.npy, or a.libsvm with b as labels where A is sparse, and x_true.npy (regression); solve.ini. "
      "Required.");
  add_config(table_, options_.config);
  add_threads(table_, options_.threads);
}

void GenerateCommand::add_sizes() {
  // Beyond these no machine holds the rows or X; sizes are multiplied without a second thought.
  constexpr Index most_rows = Index{1} << 40;
  constexpr Index most_columns = Index{1} << 16;
  AttentionRecipe& recipe = options_.attention;
  const OptionScope attention = with_problems(options_.problem, {ProblemKind::attention});
  table_.integer("rows", recipe.rows, {.at_least = 1, .at_most = most_rows}, "Rows n of the inputs.");
  table_.integer("width", recipe.width, {.at_least = 1, .at_most = most_columns}, "Width d of the inputs.");
  table_
      .integer("output-width", recipe.output_width, {.at_least = 1, .at_most = most_columns},
               "Width e of the output B; with two-layer the number m of outputs.")
      .goes_with(with_problems(options_.problem, {ProblemKind::attention, ProblemKind::two_layer}));
  table_.integer("keys", options_.keys, {.at_least = 0, .at_most = most_rows}, "Rows m of A2; 0: n.")
      .goes_with(with_problems(options_.problem, {ProblemKind::multi_softmax}));
  table_
      .integer("sequence-length", recipe.sequence_length, {.at_least = 0},
               "Rows a sequence, the last one may be shorter; 0: one sequence of all rows.")
      .goes_with(attention);
  table_.integer("factor-rank", recipe.factor_rank, {.at_least = 0}, "Rank of the planted X; 0: full.")
      .goes_with(attention);
  table_.number("logit-scale", recipe.logit_scale, {.at_least = 0},
                "Standard deviation of the logits, or of a regression's scores A x, at the planted point.");
  table_.number(
      "noise", recipe.noise, {.at_least = 0},
      "Standard deviation of normal noise on the target's entries, relative to their root mean square; "
      "with attention absolute.");
  table_.flag("causal", recipe.causal, "Query j of a sequence sees its keys up to j only.")
      .goes_with(attention);
  table_.seed("seed", recipe.seed,
              "Seed: the same one gives the same files on any ranks, those of attention byte for byte.");
}

void GenerateCommand::add_regression() {
  const OptionScope regression = with_problems(options_.problem, {ProblemKind::regression});
  RowsRecipe& rows = options_.rows;
  table_.group("Regressions");
  table_
      .path(
          "a", "FILE", options_.problem.a,
          "A to plant a target in; random, of --rows and --width, if not given. Written again as it is used: "
          "standardised, without the target column.")
      .goes_with(regression);
  add_functions(table_, options_.problem);
  add_columns(table_, options_.problem);
  table_
      .number("density", rows.density, {.at_least = 0, .at_most = 1, .above_least = true},
              "Share of the entries of a random A that are not zero; below 1 A is sparse.")
      .goes_with(regression);
  table_
      .integer("heavy-rows", rows.heavy_rows, {.at_least = 0},
               "The first so many rows of a random A are multiplied by --heavy-factor.")
      .goes_with(regression);
  table_.number("heavy-factor", rows.heavy_factor, {}, "Factor of the heavy rows.").goes_with(regression);
}

void GenerateCommand::check_options() const {
  table_.check_scopes();
  if (options_.out.empty()) throw UsageError("--out DIR is missing: the folder for the files");
  if (options_.attention.factor_rank > options_.attention.width)
    throw UsageError(fmt::format("--factor-rank is {}, it must be at most --width, which is {}",
                                 options_.attention.factor_rank, options_.attention.width));
  const bool has_a = !options_.problem.a.empty();
  for (const char* name : {"rows", "width", "density", "heavy-rows", "heavy-factor"}) {
    if (has_a && table_.is_given(name))
      throw UsageError(fmt::format("--{} is for a random A, but --a gives one", name));
  }
  for (const char* name : {"target-column", "standardise", "csv-header"}) {
    if (!has_a && table_.is_given(name))
      throw UsageError(fmt::format("--{} is for a given A: it needs --a", name));
  }
}

ExitCode GenerateCommand::run(const Communicator& comm, const std::string& /*command_line*/) {
  const RunSetup setup(comm, options_.threads);
  switch (options_.problem.kind) {
    case ProblemKind::attention:
      generate_attention_files(comm, options_);
      break;
    case ProblemKind::multi_softmax:
      generate_multi_softmax_files(comm, options_);
      break;
    case ProblemKind::regression:
      generate_regression_files(comm, options_);
      break;
    case ProblemKind::two_layer:
      generate_two_layer_files(comm, options_);
      break;
  }
  return ExitCode::success;
}

}  // namespace

std::unique_ptr<Command> make_generate_command() {
  return std::make_unique<GenerateCommand>();
}

}  // namespace attnewton
