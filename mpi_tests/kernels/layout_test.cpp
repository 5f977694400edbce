// Into lanes and out of them, sums and factors in lanes: exact, entry by entry.
#include "kernel_test.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

// A number for every place, none like another.
double number_of(Size row, Size column) {
  return 1.0 / 3.0 + static_cast<double>(1000 * row + column);
}

class Layout : public KernelTest {};

struct Packing {
  Size vectors, width, rows, columns, stride;
};

template <class Real>
void expect_packed(const TileKernels<Real>& kernels, const Packing& packing) {
  const auto [vectors, width, rows, columns, stride] = packing;
  std::vector<double> a(at(columns == 0 ? 0 : (rows - 1) * stride + columns), -1.0);
  for (Size r = 0; r < rows; ++r) {
    for (Size c = 0; c < columns; ++c) a[at(r * stride + c)] = number_of(r, c);
  }
  Field<Real> out(columns, width, width);
  kernels.pack(vectors, rows, columns, a.data(), stride, out.data());
  Size wrong = 0;
  for (Size c = 0; c < columns; ++c) {
    for (Size i = 0; i < width; ++i)
      wrong += out(c, i) == (i < rows ? static_cast<Real>(number_of(i, c)) : Real{0}) ? 0 : 1;
  }
  EXPECT_EQ(wrong, 0) << rows << " × " << columns << ", stride " << stride;
  EXPECT_TRUE(out.is_clean_outside()) << rows << " × " << columns << ", stride " << stride;
}

// `unpack` is one of the two that take lanes of T apart.
template <class T, class Unpack>
void expect_unpacked(Unpack unpack, const Packing& packing) {
  const auto [vectors, width, rows, columns, stride] = packing;
  std::vector<T> in(at(columns * width), T{-1});
  for (Size c = 0; c < columns; ++c) {
    for (Size i = 0; i < rows; ++i) in[at(c * width + i)] = static_cast<T>(number_of(i, c));
  }
  Field<T> a(rows, columns, stride);
  unpack(vectors, rows, columns, in.data(), a.data(), stride);
  Size wrong = 0;
  for (Size r = 0; r < rows; ++r) {
    for (Size c = 0; c < columns; ++c) wrong += a(r, c) == static_cast<T>(number_of(r, c)) ? 0 : 1;
  }
  EXPECT_EQ(wrong, 0) << rows << " × " << columns << ", stride " << stride;
  EXPECT_TRUE(a.is_clean_outside()) << rows << " × " << columns << ", stride " << stride;
}

TEST_P(Layout, PacksAndUnpacksEveryShape) {
  at_every_width([]<class Real>(const TileKernels<Real>& kernels, Size vectors) {
    const Size width = vectors * kernels.lanes;
    for (Size rows = 1; rows <= width; ++rows) {
      for (Size columns = 0; columns <= 40; ++columns) {
        for (const Size gap : {0, 1, 7}) {
          if (gap == 7 && columns % 5 != 0) continue;
          const Packing packing{vectors, width, rows, columns, columns + gap};
          expect_packed(kernels, packing);
          expect_unpacked<double>(kernels.unpack, packing);
          expect_unpacked<Real>(kernels.unpack_real, packing);
        }
      }
    }
  });
}

TEST_P(Layout, AddsInDouble) {
  at_every_width([]<class Real>(const TileKernels<Real>& kernels, Size vectors) {
    Numbers numbers(31);
    const Size width = vectors * kernels.lanes;
    for (const Size rows : {0, 1, 3, 10}) {
      const auto part = numbers.uniforms<Real>(rows * width);
      Field<double> sum(rows, width, width);
      sum.fill(numbers, 1e6, 2e6);
      Field<double> before = sum;
      kernels.add(vectors, rows, part.data(), sum.data());
      for (Size r = 0; r < rows; ++r) {
        for (Size i = 0; i < width; ++i)
          EXPECT_EQ(sum(r, i), before(r, i) + static_cast<double>(part[at(r * width + i)])) << r << " " << i;
      }
      EXPECT_TRUE(sum.is_clean_outside());
    }
  });
}

TEST_P(Layout, RoundsToItsType) {
  at_every_width([]<class Real>(const TileKernels<Real>& kernels, Size vectors) {
    Numbers numbers(33);
    const Size width = vectors * kernels.lanes;
    for (const Size rows : {0, 1, 3, 10}) {
      const auto a = numbers.uniforms<double>(rows * width);
      Field<Real> out(rows, width, width);
      kernels.round_to(vectors, rows, a.data(), out.data());
      for (Size r = 0; r < rows; ++r) {
        for (Size i = 0; i < width; ++i) EXPECT_EQ(out(r, i), static_cast<Real>(a[at(r * width + i)]));
      }
      EXPECT_TRUE(out.is_clean_outside());
    }
  });
}

TEST_P(Layout, ScalesLaneByLane) {
  at_every_width([]<class Real>(const TileKernels<Real>& kernels, Size vectors) {
    Numbers numbers(32);
    const Size width = vectors * kernels.lanes;
    const auto factor = numbers.uniforms<double>(width);
    for (const Size rows : {0, 1, 3, 10}) {
      Field<double> a(rows, width, width);
      a.fill(numbers);
      Field<double> before = a;
      kernels.scale(vectors, rows, factor.data(), a.data());
      for (Size r = 0; r < rows; ++r) {
        for (Size i = 0; i < width; ++i) EXPECT_EQ(a(r, i), before(r, i) * factor[at(i)]) << r << " " << i;
      }
      EXPECT_TRUE(a.is_clean_outside());
    }
  });
}

ATTNEWTON_FOR_EVERY_SET(Layout);

}  // namespace
}  // namespace attnewton
