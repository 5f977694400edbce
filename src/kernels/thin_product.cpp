#include "attnewton/kernels/thin_product.hpp"

#include <algorithm>

#include "attnewton/core/error.hpp"
#include "attnewton/kernels/instruction_set.hpp"
#include "attnewton/kernels/scratch.hpp"
#include "attnewton/kernels/tile_kernels.hpp"

namespace attnewton {
namespace {

using Kernels = TileKernels<double>;

// Calls f(vectors, in, out) for panels of B's and C's columns that are whole vectors wide; columns that are
// left over go through padded copies.
template <class F>
void for_each_panel(const Kernels& kernels, const ConstBlock& b, const Block& c, F&& f) {
  const Index whole = b.columns / kernels.lanes * kernels.lanes;
  for (Index column = 0; column < whole;) {
    const Index vectors = std::min(kernels.most_vectors, (whole - column) / kernels.lanes);
    f(vectors, Lanes<const double>{b.data + column, b.stride}, Lanes<double>{c.data + column, c.stride});
    column += vectors * kernels.lanes;
  }
  const Index rest = b.columns - whole;
  if (rest == 0) return;
  ScratchFrame scratch;
  auto* in = scratch.take<double>(b.rows * kernels.lanes);
  auto* out = scratch.take<double>(c.rows * kernels.lanes);
  std::fill_n(in, b.rows * kernels.lanes, 0.0);
  for (Index l = 0; l < b.rows; ++l) std::copy_n(b.data + l * b.stride + whole, rest, in + l * kernels.lanes);
  f(1, Lanes<const double>{in, kernels.lanes}, Lanes<double>{out, kernels.lanes});
  for (Index i = 0; i < c.rows; ++i)
    std::copy_n(out + i * kernels.lanes, rest, c.data + i * c.stride + whole);
}

}  // namespace

void thin_product(const ConstBlock& a, const ConstBlock& b, const Block& c) {
  require(a.columns == b.rows && c.rows == a.rows && c.columns == b.columns, "thin_product: shapes fit");
  const Kernels& kernels = tile_kernels<double>(instruction_set());
  for_each_panel(kernels, b, c, [&](Index vectors, Lanes<const double> in, Lanes<double> out) {
    kernels.dots(vectors, a.rows, a.columns, a.data, a.stride, in, out, false);
  });
}

void thin_transpose_product(const ConstBlock& a, const ConstBlock& b, const Block& c) {
  require(a.rows == b.rows && c.rows == a.columns && c.columns == b.columns,
          "thin_transpose_product: shapes fit");
  const Kernels& kernels = tile_kernels<double>(instruction_set());
  for_each_panel(kernels, b, c, [&](Index vectors, Lanes<const double> in, Lanes<double> out) {
    kernels.mix(vectors, a.columns, a.rows, a.data, a.stride, in, out, false);
  });
}

}  // namespace attnewton
