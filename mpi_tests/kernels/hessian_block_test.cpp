// The kernels that assemble Hessian blocks, against their definitions entry by entry.
#include <algorithm>

#include "kernel_test.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

Size packed_size(Size d) {
  return d * (d + 1) / 2;
}

class HessianBlocks : public KernelTest {};

// Some ranges of columns [first, first + count) of `total`, cut inside rows of the factor and at their ends.
std::vector<std::pair<Size, Size>> ranges_of(Size total) {
  std::vector<std::pair<Size, Size>> ranges{{0, total}, {0, 0}};
  for (const Size first : {Size{0}, Size{1}, total / 3, total / 2, total - 1}) {
    for (const Size count : {Size{1}, Size{5}, total}) {
      if (first >= 0) ranges.emplace_back(first, std::min(count, total - first));
    }
  }
  return ranges;
}

// a_r · b_s with the scale: rounded twice.
template <class Real>
void see_product(Worst& worst, Real got, Exact scale, Real x, Real y) {
  const Exact expected = scale * x * y;
  worst.see(got, expected, 1.01L * epsilon<Real> * std::abs(expected));
}

template <class Real>
void expect_khatri_rao(const TileKernels<Real>& kernels, Size rows, Size p, Size q) {
  Numbers numbers(51);
  Field<Real> a(rows, p, p + 2);
  Field<Real> b(rows, q, q + 1);
  a.fill(numbers);
  b.fill(numbers);
  const Real scale{-0.75};
  for (const auto& [first, count] : ranges_of(p * q)) {
    Field<Real> out(rows, count, count + 3);
    kernels.khatri_rao(rows, q, scale, a.data(), a.stride(), b.data(), b.stride(), first, count, out.data(),
                       out.stride());
    Worst worst;
    for (Size j = 0; j < rows; ++j) {
      for (Size c = first; c < first + count; ++c)
        see_product<Real>(worst, out(j, c - first), scale, a(j, c / q), b(j, c % q));
    }
    EXPECT_LE(worst.ratio(), 1) << p << " × " << q << ", from " << first << " on " << count;
    EXPECT_TRUE(out.is_clean_outside()) << p << " × " << q << ", from " << first << " on " << count;
  }
}

TEST_P(HessianBlocks, KhatriRaoHasAllProductsOfARow) {
  in_both_types([](const auto& kernels) {
    for (const Size p : {1, 2, 5, 16}) {
      for (const Size q : {1, 3, 8, 17, 35}) expect_khatri_rao(kernels, 4, p, q);
    }
  });
}

template <class Real>
void expect_khatri_rao_square(const TileKernels<Real>& kernels, Size rows, Size d) {
  Numbers numbers(52);
  Field<Real> a(rows, d, d + 1);
  a.fill(numbers);
  const Real scale{1.25};
  for (const auto& [first, count] : ranges_of(packed_size(d))) {
    Field<Real> out(rows, count, count + 1);
    kernels.khatri_rao_square(rows, scale, a.data(), a.stride(), first, count, out.data(), out.stride());
    Worst worst;
    for (Size j = 0; j < rows; ++j) {
      for (Size r = 0; r < d; ++r) {
        for (Size s = 0; s <= r; ++s) {
          const Size c = packed_size(r) + s - first;
          if (c >= 0 && c < count) see_product<Real>(worst, out(j, c), scale, a(j, r), a(j, s));
        }
      }
    }
    EXPECT_LE(worst.ratio(), 1) << d << ", from " << first << " on " << count;
    EXPECT_TRUE(out.is_clean_outside()) << d << ", from " << first << " on " << count;
  }
}

TEST_P(HessianBlocks, KhatriRaoSquaresArePacked) {
  in_both_types([](const auto& kernels) {
    for (const Size d : {1, 2, 3, 7, 16, 33}) expect_khatri_rao_square(kernels, 3, d);
  });
}

template <class Real>
void expect_outer_subtracted(const TileKernels<Real>& kernels, Size vectors, Size d2, Size d3,
                             bool symmetric) {
  Numbers numbers(53);
  const Size width = vectors * kernels.lanes;
  const auto p = numbers.uniforms<Real>(d2 * width);
  const auto t = numbers.uniforms<Real>(d3 * width);
  Field<Real> r(symmetric ? packed_size(d2) : d2 * d3, width, width);
  r.fill(numbers);
  Field<Real> before = r;
  kernels.subtract_outer(vectors, d2, d3, symmetric, p.data(), t.data(), r.data());
  Worst worst;
  for (Size b = 0; b < d2; ++b) {
    for (Size k = 0; k < (symmetric ? b + 1 : d3); ++k) {
      const Size row = symmetric ? packed_size(b) + k : b * d3 + k;
      for (Size i = 0; i < width; ++i) {
        const Exact product = Exact{p[at(b * width + i)]} * t[at(k * width + i)];
        const Exact from = before(row, i);
        worst.see(r(row, i), from - product, 1.5L * epsilon<Real> * (std::abs(from) + std::abs(product)));
      }
    }
  }
  EXPECT_LE(worst.ratio(), 1) << d2 << " × " << d3;
  EXPECT_TRUE(r.is_clean_outside());
}

TEST_P(HessianBlocks, OuterProductsAreSubtractedLaneByLane) {
  at_every_width([](const auto& kernels, Size vectors) {
    for (const Size d2 : {1, 2, 5, 9}) {
      expect_outer_subtracted(kernels, vectors, d2, d2, true);
      for (const Size d3 : {1, 4, 7}) expect_outer_subtracted(kernels, vectors, d2, d3, false);
    }
  });
}

// M + K Kᵀ − h pᵀ − p hᵀ; without h and p, M + K Kᵀ.
template <class Real>
void expect_low_rank_added(const TileKernels<Real>& kernels, Size vectors, Size d, Size e, bool with_h) {
  Numbers numbers(54);
  const Size width = vectors * kernels.lanes;
  const auto k = numbers.uniforms<Real>(d * e * width);
  const auto h = numbers.uniforms<Real>(d * width);
  const auto p = numbers.uniforms<Real>(d * width);
  Field<Real> m(packed_size(d), width, width);
  m.fill(numbers);
  Field<Real> before = m;
  kernels.add_low_rank(vectors, d, e, k.data(), with_h ? h.data() : nullptr, with_h ? p.data() : nullptr,
                       m.data());
  Worst worst;
  for (Size a = 0; a < d; ++a) {
    for (Size b = 0; b <= a; ++b) {
      for (Size i = 0; i < width; ++i) {
        Exact sum = before(packed_size(a) + b, i);
        Exact size = std::abs(sum);
        const auto add = [&](Exact term) {
          sum += term;
          size += std::abs(term);
        };
        for (Size l = 0; l < e; ++l)
          add(Exact{k[at((a * e + l) * width + i)]} * k[at((b * e + l) * width + i)]);
        if (with_h) {
          add(-Exact{h[at(a * width + i)]} * p[at(b * width + i)]);
          add(-Exact{p[at(a * width + i)]} * h[at(b * width + i)]);
        }
        worst.see(m(packed_size(a) + b, i), sum, static_cast<Exact>(e + 5) / 2 * epsilon<Real> * size);
      }
    }
  }
  EXPECT_LE(worst.ratio(), 1) << d << ", rank " << e;
  EXPECT_TRUE(m.is_clean_outside()) << d << ", rank " << e;
}

TEST_P(HessianBlocks, LowRanksAreAddedToPackedMatrices) {
  at_every_width([](const auto& kernels, Size vectors) {
    for (Size d = 1; d <= 14; ++d) {
      for (const Size e : {1, 2, 5}) {
        expect_low_rank_added(kernels, vectors, d, e, true);
        expect_low_rank_added(kernels, vectors, d, e, false);
      }
    }
  });
}

ATTNEWTON_FOR_EVERY_SET(HessianBlocks);

}  // namespace
}  // namespace attnewton
