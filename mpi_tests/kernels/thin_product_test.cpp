// Thin products against plain sums in long double, for the instruction set in use.
#include "attnewton/kernels/thin_product.hpp"

#include "attnewton/core/error.hpp"

#include "kernel_test.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

struct Operands {
  Field<double> a, b, c;
};

// c(i, q) against Σ_l a·b; `entry_of_a(i, l)`. Length k: (k + 2)/2 · ε · Σ|terms|.
template <class F>
void expect_sums(Operands& o, Index rows, Index inner, Index columns, F&& entry_of_a) {
  Worst worst;
  for (Index i = 0; i < rows; ++i) {
    for (Index q = 0; q < columns; ++q) {
      Exact sum = 0;
      Exact size = 0;
      for (Index l = 0; l < inner; ++l) {
        const Exact term = Exact{entry_of_a(i, l)} * o.b(l, q);
        sum += term;
        size += std::abs(term);
      }
      worst.see(o.c(i, q), sum, static_cast<Exact>(inner + 2) / 2 * epsilon<double> * size);
    }
  }
  EXPECT_LE(worst.ratio(), 1) << rows << " × " << inner << " × " << columns;
  EXPECT_TRUE(o.c.is_clean_outside()) << rows << " × " << inner << " × " << columns;
}

void expect_product(Index n, Index k, Index q, Index gap, Numbers& numbers) {
  Operands o{{n, k, k + gap}, {k, q, q + 2 * gap}, {n, q, q + gap}};
  o.a.fill(numbers);
  o.b.fill(numbers);
  thin_product({o.a.data(), n, k, o.a.stride()}, {o.b.data(), k, q, o.b.stride()},
               {o.c.data(), n, q, o.c.stride()});
  expect_sums(o, n, k, q, [&](Index i, Index l) { return o.a(i, l); });
}

void expect_transpose_product(Index n, Index p, Index q, Index gap, Numbers& numbers) {
  Operands o{{n, p, p + gap}, {n, q, q + 2 * gap}, {p, q, q + gap}};
  o.a.fill(numbers);
  o.b.fill(numbers);
  thin_transpose_product({o.a.data(), n, p, o.a.stride()}, {o.b.data(), n, q, o.b.stride()},
                         {o.c.data(), p, q, o.c.stride()});
  expect_sums(o, p, n, q, [&](Index i, Index l) { return o.a(l, i); });
}

// Every number of columns with a few of each other size, and the other way round.
template <class F>
void for_each_shape(F&& f) {
  for (Index size = 1; size <= 70; ++size) {
    for (const Index other : {1, 5, 16, 31}) {
      f(other, 7, size);
      f(3, size, other);
      f(size, other, 9);
    }
  }
  f(70, 70, 70);
  f(257, 64, 33);
}

TEST(ThinProduct, IsThePlainProduct) {
  Numbers numbers(41);
  for_each_shape([&](Index n, Index k, Index q) {
    expect_product(n, k, q, 0, numbers);
    expect_product(n, k, q, 3, numbers);
  });
}

TEST(ThinProduct, OfTheTransposeIsThePlainProduct) {
  Numbers numbers(42);
  for_each_shape([&](Index n, Index p, Index q) {
    expect_transpose_product(n, p, q, 0, numbers);
    expect_transpose_product(n, p, q, 3, numbers);
  });
}

TEST(ThinProduct, OverNothingIsZero) {
  Numbers numbers(43);
  for (const Index q : {1, 8, 11}) {
    expect_product(4, 0, q, 0, numbers);
    expect_transpose_product(0, 4, q, 0, numbers);
    expect_product(0, 4, q, 0, numbers);
  }
}

TEST(ThinProduct, RefusesShapesThatDoNotFit) {
  std::vector<double> m(100, 0.0);
  const auto view = [&](Index rows, Index columns) { return ConstBlock{m.data(), rows, columns, columns}; };
  const auto out = [&](Index rows, Index columns) { return Block{m.data(), rows, columns, columns}; };
  EXPECT_THROW(thin_product(view(2, 3), view(4, 2), out(2, 2)), InternalError);
  EXPECT_THROW(thin_product(view(2, 3), view(3, 2), out(3, 2)), InternalError);
  EXPECT_THROW(thin_product(view(2, 3), view(3, 2), out(2, 3)), InternalError);
  EXPECT_THROW(thin_transpose_product(view(2, 3), view(3, 2), out(3, 2)), InternalError);
  EXPECT_THROW(thin_transpose_product(view(3, 2), view(3, 4), out(3, 4)), InternalError);
  EXPECT_THROW(thin_transpose_product(view(3, 2), view(3, 4), out(2, 3)), InternalError);
}

}  // namespace
}  // namespace attnewton
