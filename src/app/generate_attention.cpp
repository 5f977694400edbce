// attnewton generate: one planted attention layer as files.
#include <cstdio>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"
#include "attnewton/io/atomic_file.hpp"
#include "attnewton/io/npy_writer.hpp"
#include "attnewton/parallel/agreement.hpp"

#include "generate_options.hpp"
#include "run_setup.hpp"
#include "solve_output.hpp"

namespace attnewton {
namespace {

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

void write(const Communicator& comm, const GenerateOptions& options, const PlantedAttention& planted) {
  const AttentionRecipe& recipe = options.attention;
  const auto path = [&options](const char* name) { return path_in(options.out, name); };
  agree_on_errors(comm, [&] {
    if (comm.is_root()) make_directories(options.out);
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

}  // namespace

void generate_attention_files(const Communicator& comm, const GenerateOptions& options) {
  const AttentionRecipe& recipe = options.attention;
  check_memory(comm, memory_bytes(recipe, comm.size()));
  const PlantedAttention planted = generate_attention(comm, recipe);
  agree_on_errors(comm, [&] {
    if (!planted.target.allFinite() || !planted.x.allFinite())
      throw NumericalError("the problem overflows: choose a smaller --logit-scale or --noise");
  });
  write(comm, options, planted);
  if (!comm.is_root()) return;
  fmt::print(
      "Wrote to {0}: a1.npy ({1} x {2}), b.npy ({1} x {3}), offsets.npy ({4} sequence{5}), x_true.npy ({2} x "
      "{2}), y_true.npy ({2} x {3}), solve.ini.\n"
      "Solve it: attnewton solve --config {6}\n",
      options.out, recipe.rows, recipe.width, recipe.output_width, planted.offsets.size() - 1,
      planted.offsets.size() == 2 ? "" : "s", path_in(options.out, "solve.ini"));
  std::fflush(stdout);
}

}  // namespace attnewton
