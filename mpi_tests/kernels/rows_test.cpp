// Rows along the vectors: scaled copies exactly, dot products against plain sums in long double.
#include "kernel_test.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

class Rows : public KernelTest {};

template <class Real>
void expect_scaled(const TileKernels<Real>& kernels, Size rows, Size columns, Size width, bool with_factors) {
  Numbers numbers(3);
  const Size stride = columns + 3;
  const auto a = numbers.uniforms<Real>(rows == 0 ? 0 : (rows - 1) * stride + columns);
  const auto factors = numbers.uniforms<Real>(rows);
  Field<Real> out(rows, width, width);
  kernels.scale_rows(rows, columns, with_factors ? factors.data() : nullptr, a.data(), stride, out.data(),
                     width);
  Size wrong = 0;
  for (Size i = 0; i < rows; ++i) {
    for (Size c = 0; c < width; ++c) {
      const Real factor = with_factors ? factors[at(i)] : Real{1};
      const Real expected = c < columns ? factor * a[at(i * stride + c)] : Real{0};
      wrong += out(i, c) == expected ? 0 : 1;
    }
  }
  EXPECT_EQ(wrong, 0) << rows << " × " << columns << " into " << width;
  EXPECT_TRUE(out.is_clean_outside()) << rows << " × " << columns << " into " << width;
}

TEST_P(Rows, AreScaledIntoPanels) {
  in_both_types([](const auto& kernels) {
    for (const Size rows : {0, 1, 5}) {
      for (Size columns = 0; columns <= 40; ++columns) {
        for (const Size gap : {0, 1, 9}) {
          expect_scaled(kernels, rows, columns, columns + gap, true);
          expect_scaled(kernels, rows, columns, columns + gap, false);
        }
      }
    }
  });
}

// A row's product, and that it has the same bits alone.
template <class Real>
void expect_dots(const TileKernels<Real>& kernels, Size rows, Size columns, Size gap) {
  Numbers numbers(4);
  const Size stride = columns + gap;
  const auto a = numbers.uniforms<Real>(rows == 0 ? 0 : (rows - 1) * stride + columns);
  const auto x = numbers.uniforms<Real>(columns);
  Field<Real> z(1, rows, rows);
  kernels.row_dots(rows, columns, a.data(), stride, x.data(), z.data());
  Worst worst;
  for (Size i = 0; i < rows; ++i) {
    Exact sum = 0;
    Exact size = 0;
    for (Size c = 0; c < columns; ++c) {
      const Exact term = Exact{a[at(i * stride + c)]} * x[at(c)];
      sum += term;
      size += std::abs(term);
    }
    worst.see(z(0, i), sum, static_cast<Exact>(columns + 2) / 2 * epsilon<Real> * size);
    Real alone = 0;
    kernels.row_dots(1, columns, a.data() + i * stride, stride, x.data(), &alone);
    EXPECT_EQ(alone, z(0, i)) << rows << " × " << columns;
  }
  EXPECT_LE(worst.ratio(), 1) << rows << " × " << columns;
  EXPECT_TRUE(z.is_clean_outside()) << rows << " × " << columns;
}

TEST_P(Rows, TimesAVectorDoNotDependOnOneAnother) {
  in_both_types([](const auto& kernels) {
    for (Size rows = 0; rows <= 20; ++rows) {
      for (const Size columns : {0, 1, 3, 7, 8, 15, 16, 17, 33, 128, 131}) {
        for (const Size gap : {0, 2}) expect_dots(kernels, rows, columns, gap);
      }
    }
  });
}

ATTNEWTON_FOR_EVERY_SET(Rows);

}  // namespace
}  // namespace attnewton
