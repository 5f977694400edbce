#include "attnewton/sketch/walsh_hadamard.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "attnewton/core/error.hpp"
#include "attnewton/kernels/instruction_set.hpp"
#include "attnewton/kernels/scratch.hpp"
#include "attnewton/kernels/tile_kernels.hpp"
#include "attnewton/parallel/deterministic.hpp"

namespace attnewton {
namespace {

// Numbers of a piece: 256 KiB, a part of any second-level cache.
constexpr Index piece_numbers = Index{1} << 15;
// Of a piece whose rows lie apart: numbers a row, some cache lines; and so its most rows.
constexpr Index run_numbers = 64;
// Steps that a butterfly does at once: eight rows of vectors are in registers.
constexpr int steps_at_once = 3;

int log2_of(Index power) {
  return std::countr_zero(static_cast<std::uint64_t>(power));
}

// H of order 2^steps times a piece of 2^steps rows of `width` numbers without gaps.
void transform_piece(const TileKernels<double>& kernels, int steps, Index width, double* piece) {
  for (int done = 0; done < steps;) {
    const int now = std::min(steps_at_once, steps - done);
    const Index count = width << done;
    for (Index group = 0; group < Index{1} << (steps - done - now); ++group)
      kernels.butterfly(Index{1} << now, count, piece + (group << now) * count);
    done += now;
  }
}

// Numbers as groups of 2^steps rows of `width` numbers: the transform within each group, along its rows.
struct Pass {
  double* data;
  Index groups;
  int steps;
  Index width;
};

// Groups that fit the cache, where they lie.
void transform_groups(const TileKernels<double>& kernels, const Pass& pass) {
  const Index numbers = pass.width << pass.steps;
  const Index at_once = std::max(piece_numbers / numbers, Index{1});
  for_each_task((pass.groups + at_once - 1) / at_once, [&](Index task) {
    const Index end = std::min(pass.groups, (task + 1) * at_once);
    for (Index group = task * at_once; group < end; ++group)
      transform_piece(kernels, pass.steps, pass.width, pass.data + group * numbers);
  });
}

// Groups larger than the cache, a run of columns at a time. Rows that lie a power of two apart would evict
// one another from the cache, so a piece is brought together first.
void transform_runs(const TileKernels<double>& kernels, const Pass& pass) {
  const Index runs = (pass.width + run_numbers - 1) / run_numbers;
  const Index rows = Index{1} << pass.steps;
  for_each_task(pass.groups * runs, [&](Index task) {
    const Index first = task % runs * run_numbers;
    const Index count = std::min(run_numbers, pass.width - first);
    double* const from = pass.data + task / runs * (pass.width << pass.steps) + first;
    const auto bytes = static_cast<std::size_t>(count) * sizeof(double);
    ScratchFrame scratch;
    auto* const piece = scratch.take<double>(rows * count);
    for (Index i = 0; i < rows; ++i) std::memcpy(piece + i * count, from + i * pass.width, bytes);
    transform_piece(kernels, pass.steps, count, piece);
    for (Index i = 0; i < rows; ++i) std::memcpy(from + i * pass.width, piece + i * count, bytes);
  });
}

}  // namespace

double hadamard_sign(Index i, Index j) {
  return std::popcount(static_cast<std::uint64_t>(i & j)) % 2 == 0 ? 1 : -1;
}

Index hadamard_order(Index count) {
  require(count >= 1, "hadamard_order: at least one");
  return static_cast<Index>(std::bit_ceil(static_cast<std::uint64_t>(count)));
}

void walsh_hadamard(Matrix& a) {
  require(a.rows() >= 1 && hadamard_order(a.rows()) == a.rows(), "walsh_hadamard: rows a power of two");
  if (a.cols() == 0) return;
  const TileKernels<double>& kernels = tile_kernels<double>(instruction_set());
  const int steps = log2_of(a.rows());
  int done = 0;
  while (done < steps && a.cols() << (done + 1) <= piece_numbers) ++done;
  if (done > 0) transform_groups(kernels, {a.data(), a.rows() >> done, done, a.cols()});
  const int most = log2_of(piece_numbers / run_numbers);
  while (done < steps) {
    const int now = std::min(most, steps - done);
    transform_runs(kernels, {a.data(), a.rows() >> (done + now), now, a.cols() << done});
    done += now;
  }
}

}  // namespace attnewton
