// attnewton generate: a planted regression as files.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"
#include "attnewton/io/atomic_file.hpp"
#include "attnewton/io/libsvm_writer.hpp"
#include "attnewton/io/npy_writer.hpp"
#include "attnewton/linalg/row_partition.hpp"
#include "attnewton/parallel/agreement.hpp"

#include "generate_options.hpp"
#include "regression_input.hpp"
#include "run_setup.hpp"
#include "solve_output.hpp"

namespace attnewton {
namespace {

bool needs_positive_scores(const LinkFunction& link) {
  return link.kind == Link::power && link.exponent != std::floor(link.exponent);
}

RowsRecipe rows_recipe(const GenerateOptions& options) {
  RowsRecipe recipe = options.rows;
  recipe.rows = options.attention.rows;
  recipe.width = options.attention.width;
  recipe.seed = options.attention.seed;
  recipe.positive = needs_positive_scores(link_named(options.problem.link));
  return recipe;
}

// A's rows, twice while they are made, and a few vectors.
Index memory_bytes(const RowsRecipe& recipe, int ranks) {
  const double numbers_an_entry = recipe.density < 1 ? 2 : 1;
  const double entries =
      static_cast<double>(recipe.rows) * static_cast<double>(recipe.width) * recipe.density;
  const double numbers = 2 * numbers_an_entry * entries + 8 * static_cast<double>(recipe.rows);
  return static_cast<Index>(std::min(4e18, sizeof(double) * numbers / ranks));
}

PreparedRows make_rows(const Communicator& comm, const GenerateOptions& options) {
  if (!options.problem.a.empty()) return read_rows(comm, {"A", options.problem.a}, options.problem);
  const RowsRecipe recipe = rows_recipe(options);
  check_memory(comm, memory_bytes(recipe, comm.size()));
  PreparedRows prepared;
  prepared.rows = even_row_partition(recipe.rows, comm.size()).range(comm.rank());
  prepared.total_rows = recipe.rows;
  agree_on_errors(comm, [&] { prepared.a = random_rows(recipe, prepared.rows); });
  return prepared;
}

std::string solve_ini(const ProblemOptions& problem, const PreparedRows& prepared) {
  const bool is_sparse = prepared.a.is_sparse();
  return fmt::format(
      "# Solves the planted problem of this folder: attnewton solve --config solve.ini\n"
      "# From the default start a solve may end in another minimum than the planted one; `init = "
      "x_true.npy`\n"
      "# starts at that one.\n"
      "problem = regression\n"
      "a = {}\n"
      "{}"
      "link = {}\n"
      "normalisation = {}\n"
      "{}"
      "reference-x = x_true.npy\n"
      "out = result\n",
      is_sparse ? "a.libsvm" : "a.npy", is_sparse ? "" : "b = b.npy\n", problem.link,
      to_string(problem.normalisation),
      // No other start is sure to lie in the link's domain.
      needs_positive_scores(link_named(problem.link)) ? "init = x_true.npy\n" : "");
}

void write(const Communicator& comm, const GenerateOptions& options, const PreparedRows& prepared,
           const PlantedRegression& planted) {
  const auto path = [&options](const char* name) { return path_in(options.out, name); };
  agree_on_errors(comm, [&] {
    if (comm.is_root()) make_directories(options.out);
  });
  const RowMatrix& a = prepared.a;
  if (a.is_sparse()) {
    write_libsvm_rows(comm, path("a.libsvm"), a.sparse(), planted.target);
  } else {
    write_npy_rows(comm, path("a.npy"), a.dense(), prepared.rows, prepared.total_rows, a.columns());
    write_npy_rows(comm, path("b.npy"), planted.target, prepared.rows, prepared.total_rows, 1);
  }
  agree_on_errors(comm, [&] {
    if (!comm.is_root()) return;
    write_npy_vector(path("x_true.npy"), planted.x);
    if (prepared.standardisation) write_standardisation(options.out, *prepared.standardisation);
    write_file_atomically(path("solve.ini"), solve_ini(options.problem, prepared));
  });
}

}  // namespace

void generate_regression_files(const Communicator& comm, const GenerateOptions& options) {
  const PreparedRows prepared = make_rows(comm, options);
  const PlantRecipe recipe{link_named(options.problem.link), options.problem.normalisation,
                           options.attention.logit_scale, options.attention.noise, options.attention.seed};
  const PlantedRegression planted = plant_regression(comm, prepared.a, prepared.rows, recipe);
  agree_on_errors(comm, [&] {
    if (!planted.target.allFinite())
      throw NumericalError("the target overflows: choose a smaller --logit-scale or --noise");
  });
  write(comm, options, prepared, planted);
  const Index entries = comm.sum(prepared.a.entries());
  if (!comm.is_root()) return;
  const bool is_sparse = prepared.a.is_sparse();
  fmt::print(
      "Wrote to {}: {} ({} x {}, {} entries), {}x_true.npy, solve.ini.\n"
      "Solve it: attnewton solve --config {}\n",
      options.out, is_sparse ? "a.libsvm with b as labels" : "a.npy", prepared.total_rows,
      prepared.a.columns(), entries, is_sparse ? "" : "b.npy, ", path_in(options.out, "solve.ini"));
  std::fflush(stdout);
}

}  // namespace attnewton
