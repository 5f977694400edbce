// dots and mix against plain sums in long double. A product of length k and its sum are rounded at most k + 1
// times, so each entry may be wrong by (k + 2)/2 · ε · Σ|terms|.
#include <algorithm>

#include "kernel_test.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

struct Shape {
  Size vectors, rows, inner, stride, lane_stride;
  bool accumulate;
};

// Whether the entry (r, l) of the broadcast operand stands in row r or in row l.
enum class Kind { dots, mix };

template <class Real>
void expect_product(const TileKernels<Real>& kernels, Kind kind, const Shape& shape, Numbers& numbers) {
  const Size width = shape.vectors * kernels.lanes;
  const Size b_rows = kind == Kind::dots ? shape.rows : shape.inner;
  const Size b_columns = kind == Kind::dots ? shape.inner : shape.rows;
  // Not a number beyond the last entry: reading more is the sanitizer's to find.
  const auto b = numbers.uniforms<Real>(b_rows == 0 ? 0 : (b_rows - 1) * shape.stride + b_columns);
  const auto in =
      numbers.uniforms<Real>(shape.inner == 0 ? 0 : (shape.inner - 1) * shape.lane_stride + width);
  Field<Real> out(shape.rows, width, shape.lane_stride);
  out.fill(numbers);
  Field<Real> before = out;

  const auto f = kind == Kind::dots ? kernels.dots : kernels.mix;
  f(shape.vectors, shape.rows, shape.inner, b.data(), shape.stride, {in.data(), shape.lane_stride},
    {out.data(), shape.lane_stride}, shape.accumulate);

  Worst worst;
  for (Size r = 0; r < shape.rows; ++r) {
    for (Size i = 0; i < width; ++i) {
      Exact sum = shape.accumulate ? Exact{before(r, i)} : 0;
      Exact size = std::abs(sum);
      for (Size l = 0; l < shape.inner; ++l) {
        const Exact entry = b[at(kind == Kind::dots ? r * shape.stride + l : l * shape.stride + r)];
        const Exact term = entry * in[at(l * shape.lane_stride + i)];
        sum += term;
        size += std::abs(term);
      }
      worst.see(out(r, i), sum, static_cast<Exact>(shape.inner + 2) / 2 * epsilon<Real> * size);
    }
  }
  EXPECT_LE(worst.ratio(), 1) << shape.rows << " × " << shape.inner << ", " << shape.accumulate;
  EXPECT_TRUE(out.is_clean_outside()) << shape.rows << " × " << shape.inner;
}

std::vector<Size> row_counts() {
  std::vector<Size> counts;
  for (Size r = 0; r <= 20; ++r) counts.push_back(r);
  counts.insert(counts.end(), {33, 64, 101});
  return counts;
}

template <class Real>
void expect_products(const TileKernels<Real>& kernels, Kind kind, Size vectors) {
  Numbers numbers(6);
  for (const Size rows : row_counts()) {
    for (const Size inner : {0, 1, 2, 7, 64}) {
      for (const bool accumulate : {false, true}) {
        const Size gap = accumulate ? 0 : 3;
        const Size columns = kind == Kind::dots ? inner : rows;
        const Size width = vectors * kernels.lanes;
        expect_product(kernels, kind, {vectors, rows, inner, columns + gap, width, accumulate}, numbers);
        expect_product(kernels, kind, {vectors, rows, inner, columns + 5, width + gap, accumulate}, numbers);
      }
    }
  }
}

class Products : public KernelTest {};

TEST_P(Products, DotsAreRowsTimesLanes) {
  at_every_width([](const auto& kernels, Size vectors) { expect_products(kernels, Kind::dots, vectors); });
}

TEST_P(Products, MixesAreColumnsTimesLanes) {
  at_every_width([](const auto& kernels, Size vectors) { expect_products(kernels, Kind::mix, vectors); });
}

// What a lane or a row computes does not depend on how many there are beside it.
TEST_P(Products, EveryEntryHasTheSameBitsWhereverItStands) {
  in_both_types([]<class Real>(const TileKernels<Real>& kernels) {
    Numbers numbers(7);
    const Size rows = 29;
    const Size inner = 37;
    const Size width = kernels.most_vectors * kernels.lanes;
    const auto b = numbers.uniforms<Real>(rows * inner);
    const auto in = numbers.uniforms<Real>(inner * width);
    Field<Real> whole(rows, width, width);
    kernels.dots(kernels.most_vectors, rows, inner, b.data(), inner, {in.data(), width},
                 {whole.data(), width}, false);
    for (Size vector = 0; vector < kernels.most_vectors; ++vector) {
      for (Size r = 0; r < rows; ++r) {
        const Size lane = vector * kernels.lanes;
        Field<Real> alone(1, kernels.lanes, kernels.lanes);
        kernels.dots(1, 1, inner, b.data() + r * inner, inner, {in.data() + lane, width},
                     {alone.data(), kernels.lanes}, false);
        for (Size i = 0; i < kernels.lanes; ++i) EXPECT_EQ(alone(0, i), whole(r, lane + i)) << r << " " << i;
      }
    }
  });
}

ATTNEWTON_FOR_EVERY_SET(Products);

}  // namespace
}  // namespace attnewton
