// attnewton generate: planted problems with two matrices, two-layer and multiple softmax regressions, as
// files.
#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"
#include "attnewton/io/atomic_file.hpp"
#include "attnewton/io/npy_writer.hpp"
#include "attnewton/parallel/agreement.hpp"
#include "attnewton/problems/multi_softmax_generator.hpp"
#include "attnewton/problems/two_layer_generator.hpp"

#include "generate_options.hpp"
#include "run_setup.hpp"
#include "solve_output.hpp"

namespace attnewton {
namespace {

// Numbers of the matrices that are shared out over ranks, twice while they are made, and of those that every
// rank holds whole.
void check_sizes(const Communicator& comm, double shared, double whole) {
  check_memory(comm, static_cast<Index>(std::min(4e18, sizeof(double) * (2 * shared / comm.size() + whole))));
}

std::string solve_ini(const GenerateOptions& options, const std::string& function) {
  return fmt::format(
      "# Solves the planted problem of this folder: attnewton solve --config solve.ini\n"
      "# From zero a solve may end in another minimum than the planted one; `init = x_true.npy` starts "
      "there.\n"
      "problem = {}\n"
      "a1 = a1.npy\n"
      "a2 = a2.npy\n"
      "b = b.npy\n"
      "{}\n"
      "reference-x = x_true.npy\n"
      "out = result\n",
      to_string(options.problem.kind), function);
}

void make_folder(const Communicator& comm, const GenerateOptions& options) {
  agree_on_errors(comm, [&] {
    if (comm.is_root()) make_directories(options.out);
  });
}

void check_is_finite(const Communicator& comm, bool is_finite) {
  agree_on_errors(comm, [&] {
    if (!is_finite) throw NumericalError("the target overflows: choose a smaller --logit-scale or --noise");
  });
}

void say(const Communicator& comm, const GenerateOptions& options, const std::string& sizes) {
  if (!comm.is_root()) return;
  fmt::print("Wrote to {}: {}, x_true.npy, solve.ini.\nSolve it: attnewton solve --config {}\n", options.out,
             sizes, path_in(options.out, "solve.ini"));
  std::fflush(stdout);
}

// The whole matrix, on every rank, of which this rank holds the columns `columns`.
Matrix whole_from_columns(const Communicator& comm, const Matrix& local, Range columns, Index total_columns) {
  Matrix whole = Matrix::Zero(local.rows(), total_columns);
  whole.middleCols(columns.begin, columns.size()) = local;
  comm.sum(whole);
  return whole;
}

}  // namespace

void generate_two_layer_files(const Communicator& comm, const GenerateOptions& options) {
  const AttentionRecipe& sizes = options.attention;
  check_sizes(comm, static_cast<double>(sizes.rows) * static_cast<double>(sizes.width + sizes.output_width),
              static_cast<double>(sizes.rows) * static_cast<double>(sizes.output_width));
  const PlantedTwoLayer planted = generate_two_layer(comm, {.rows = sizes.rows,
                                                            .width = sizes.width,
                                                            .outputs = sizes.output_width,
                                                            .activation = options.problem.activation,
                                                            .score_scale = sizes.logit_scale,
                                                            .noise = sizes.noise,
                                                            .seed = sizes.seed});
  check_is_finite(comm, planted.data.target.allFinite());
  make_folder(comm, options);
  const auto path = [&options](const char* name) { return path_in(options.out, name); };
  write_npy_rows(comm, path("a1.npy"), planted.data.a1.dense(), planted.rows, sizes.rows, sizes.width);
  const Matrix a2 = whole_from_columns(comm, planted.data.a2, planted.rows, sizes.rows);
  agree_on_errors(comm, [&] {
    if (!comm.is_root()) return;
    write_npy(path("a2.npy"), a2);
    write_npy_vector(path("b.npy"), planted.data.target);
    write_npy_vector(path("x_true.npy"), planted.x);
    write_file_atomically(
        path("solve.ini"),
        solve_ini(options, fmt::format("activation = {}", to_string(options.problem.activation))));
  });
  say(comm, options,
      fmt::format("a1.npy ({0} x {1}), a2.npy ({2} x {0}), b.npy ({2})", sizes.rows, sizes.width,
                  sizes.output_width));
}

void generate_multi_softmax_files(const Communicator& comm, const GenerateOptions& options) {
  const AttentionRecipe& sizes = options.attention;
  const Index keys = options.keys > 0 ? options.keys : sizes.rows;
  check_sizes(comm, static_cast<double>(sizes.rows) * static_cast<double>(keys + sizes.width),
              2 * static_cast<double>(keys) * static_cast<double>(sizes.width));
  const PlantedMultiSoftmax planted =
      generate_multi_softmax(comm, {.rows = sizes.rows,
                                    .keys = keys,
                                    .width = sizes.width,
                                    .normalisation = options.problem.normalisation,
                                    .score_scale = sizes.logit_scale,
                                    .noise = sizes.noise,
                                    .seed = sizes.seed});
  check_is_finite(comm, planted.data.target.allFinite());
  make_folder(comm, options);
  const auto path = [&options](const char* name) { return path_in(options.out, name); };
  write_npy_rows(comm, path("a1.npy"), planted.data.queries, planted.rows, sizes.rows, sizes.width);
  write_npy_rows(comm, path("b.npy"), planted.data.target, planted.rows, sizes.rows, keys);
  agree_on_errors(comm, [&] {
    if (!comm.is_root()) return;
    write_npy(path("a2.npy"), planted.data.keys);
    write_npy(path("x_true.npy"), planted.x);
    write_file_atomically(
        path("solve.ini"),
        solve_ini(options, fmt::format("normalisation = {}", to_string(options.problem.normalisation))));
  });
  say(comm, options,
      fmt::format("a1.npy ({0} x {1}), a2.npy ({2} x {1}), b.npy ({0} x {2})", sizes.rows, sizes.width,
                  keys));
}

}  // namespace attnewton
