// attnewton generate: planted problems as files.
#include <cstdio>
#include <memory>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"
#include "attnewton/io/atomic_file.hpp"
#include "attnewton/io/npy_writer.hpp"
#include "attnewton/parallel/agreement.hpp"
#include "attnewton/problems/attention_generator.hpp"

#include "attention_input.hpp"
#include "command.hpp"
#include "run_setup.hpp"
#include "solve_output.hpp"

namespace attnewton {
namespace {

struct GenerateOptions {
  ProblemKind kind = ProblemKind::attention;
  AttentionRecipe recipe;
  Index threads = 0;
  std::string config;
  std::string out;
};

class GenerateCommand : public Command {
 public:
  GenerateCommand();

  OptionTable& table() override { return table_; }
  void check_options() const override;
  ExitCode run(const Communicator& comm, const std::string& command_line) override;

 private:
  void write(const Communicator& comm, const PlantedAttention& planted) const;

  GenerateOptions options_;
  OptionTable table_;
};

GenerateCommand::GenerateCommand()
    : table_("generate",
             "Writes a planted problem: random inputs, known X and Y, and the output they make.") {
  // Beyond these no machine holds the rows or X; sizes are multiplied without a second thought.
  constexpr Index most_rows = Index{1} << 40;
  constexpr Index most_columns = Index{1} << 16;
  AttentionRecipe& recipe = options_.recipe;
  table_.group("Problem");
  table_.choice<ProblemKind>("problem", options_.kind, {{"attention", ProblemKind::attention}},
                             "What to make: one self-attention layer.");
  table_.integer("rows", recipe.rows, {.at_least = 1, .at_most = most_rows}, "Query and key rows n.");
  table_.integer("width", recipe.width, {.at_least = 1, .at_most = most_columns}, "Width d of the inputs.");
  table_.integer("output-width", recipe.output_width, {.at_least = 1, .at_most = most_columns},
                 "Width e of the output B.");
  table_.integer("sequence-length", recipe.sequence_length, {.at_least = 0},
                 "Rows a sequence, the last one may be shorter; 0: one sequence of all rows.");
  table_.integer("factor-rank", recipe.factor_rank, {.at_least = 0}, "Rank of the planted X; 0: full.");
  table_.number("logit-scale", recipe.logit_scale, {.at_least = 0}, "Standard deviation of the logits.");
  table_.number("noise", recipe.noise, {.at_least = 0}, "Standard deviation of normal noise on B's entries.");
  table_.flag("causal", recipe.causal, "Query j of a sequence sees its keys up to j only.");
  table_.seed("seed", recipe.seed, "Seed: the same one gives the same files, byte for byte, on any ranks.");
  table_.group("Running and output");
  table_.path("out", "DIR", options_.out,
              "Folder for a1.npy, b.npy, offsets.npy, x_true.npy, y_true.npy and solve.ini. Required.");
  add_config(table_, options_.config);
  add_threads(table_, options_.threads);
}

void GenerateCommand::check_options() const {
  if (options_.out.empty()) throw UsageError("--out DIR is missing: the folder for the files");
  if (options_.recipe.factor_rank > options_.recipe.width)
    throw UsageError(fmt::format("--factor-rank is {}, it must be at most --width, which is {}",
                                 options_.recipe.factor_rank, options_.recipe.width));
}

std::string solve_ini(const AttentionRecipe& recipe) {
  return fmt::format(
      "# Fits the planted problem of this folder: attnewton solve --config solve.ini\n"
      "# From zero a small random problem may end in another minimum than the planted one; `init = "
      "x_true.npy`\n"
      "# starts at that one.\n"
      "problem = attention\n"
      "a1 = a1.npy\n"
      "b = b.npy\n"
      "offsets = offsets.npy\n"
      "causal = {}\n"
      "ridge = 1e-06\n"
      "init = zero\n"
      "reference-x = x_true.npy\n"
      "reference-y = y_true.npy\n"
      "out = result\n",
      recipe.causal);
}

void GenerateCommand::write(const Communicator& comm, const PlantedAttention& planted) const {
  const AttentionRecipe& recipe = options_.recipe;
  const auto path = [this](const char* name) { return path_in(options_.out, name); };
  agree_on_errors(comm, [&] {
    if (comm.is_root()) make_directories(options_.out);
  });
  write_npy_rows(comm, path("a1.npy"), planted.inputs, planted.rows, recipe.rows, recipe.width);
  write_npy_rows(comm, path("b.npy"), planted.target, planted.rows, recipe.rows, recipe.output_width);
  agree_on_errors(comm, [&] {
    if (!comm.is_root()) return;
    write_npy_indices(path("offsets.npy"), planted.offsets);
    write_npy(path("x_true.npy"), planted.x);
    write_npy(path("y_true.npy"), planted.y);
    write_file_atomically(path("solve.ini"), solve_ini(recipe));
  });
}

// A row's work for every row on every rank, X* with its factors, and inputs, keys, target and mixed values of
// this rank's rows.
Index memory_bytes(const AttentionRecipe& recipe, int ranks) {
  constexpr Index copies_of_rows = 3;
  const Index columns = copies_of_rows * recipe.width + recipe.output_width;
  const Index planted = recipe.width * (3 * recipe.width + recipe.output_width);
  return static_cast<Index>(sizeof(double)) * (2 * recipe.rows + recipe.rows / ranks * columns + planted);
}

ExitCode GenerateCommand::run(const Communicator& comm, const std::string& /*command_line*/) {
  const RunSetup setup(comm, options_.threads);
  check_memory(comm, memory_bytes(options_.recipe, comm.size()));
  const PlantedAttention planted = generate_attention(comm, options_.recipe);
  agree_on_errors(comm, [&] {
    if (!planted.target.allFinite() || !planted.x.allFinite())
      throw NumericalError("the problem overflows: choose a smaller --logit-scale or --noise");
  });
  write(comm, planted);
  if (comm.is_root()) {
    const AttentionRecipe& recipe = options_.recipe;
    fmt::print(
        "Wrote to {0}: a1.npy ({1} x {2}), b.npy ({1} x {3}), offsets.npy ({4} sequence{5}), x_true.npy ({2} "
        "x "
        "{2}), y_true.npy ({2} x {3}), solve.ini.\n"
        "Solve it: attnewton solve --config {6}\n",
        options_.out, recipe.rows, recipe.width, recipe.output_width, planted.offsets.size() - 1,
        planted.offsets.size() == 2 ? "" : "s", path_in(options_.out, "solve.ini"));
    std::fflush(stdout);
  }
  return ExitCode::success;
}

}  // namespace

std::unique_ptr<Command> make_generate_command() {
  return std::make_unique<GenerateCommand>();
}

}  // namespace attnewton
