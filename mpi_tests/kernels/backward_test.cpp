// The entry-wise kernels of the backward passes. Each result is rounded a few times; allowed are 4 ε times
// the size of its terms.
#include "kernel_test.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

template <class Real>
Exact allowed(Exact size) {
  return 4 * epsilon<Real> * size;
}

class Backward : public KernelTest {};

TEST_P(Backward, IsScoresTimesCentredGradients) {
  at_every_width([]<class Real>(const TileKernels<Real>& kernels, Size vectors) {
    Numbers numbers(21);
    const Size width = vectors * kernels.lanes;
    for (const Size count : {0, 1, 2, 9}) {
      const auto f = numbers.uniforms<Real>(count * width);
      const auto weight = numbers.uniforms<Real>(width);
      const auto s = numbers.uniforms<Real>(width);
      Field<Real> g(count, width, width);
      g.fill(numbers);
      Field<Real> before = g;
      kernels.backward(vectors, count, f.data(), weight.data(), s.data(), g.data());
      Worst worst;
      for (Size k = 0; k < count; ++k) {
        for (Size i = 0; i < width; ++i) {
          const Exact factor = Exact{f[at(k * width + i)]} * weight[at(i)];
          const Exact from = before(k, i);
          const Exact size = std::abs(factor) * (std::abs(from) + std::abs(Exact{s[at(i)]}));
          worst.see(g(k, i), factor * (from - s[at(i)]), allowed<Real>(size));
        }
      }
      EXPECT_LE(worst.ratio(), 1) << count;
      EXPECT_TRUE(g.is_clean_outside());
    }
  });
}

TEST_P(Backward, WeighsAndSumsOverKeys) {
  at_every_width([]<class Real>(const TileKernels<Real>& kernels, Size vectors) {
    Numbers numbers(22);
    const Size width = vectors * kernels.lanes;
    for (const Size count : {0, 1, 3, 128}) {
      const auto f = numbers.uniforms<Real>(count * width);
      const auto z = numbers.uniforms<Real>(count * width);
      Field<Real> product(count, width, width);
      Field<double> sum(1, width, width);
      sum.fill(numbers);
      Field<double> before = sum;
      kernels.weigh(vectors, count, f.data(), z.data(), product.data(), sum.data());
      Worst worst;
      for (Size i = 0; i < width; ++i) {
        Exact expected = before(0, i);
        Exact size = std::abs(expected) * (epsilon<double> / epsilon<Real>);
        for (Size k = 0; k < count; ++k) {
          const Exact term = Exact{f[at(k * width + i)]} * z[at(k * width + i)];
          worst.see(product(k, i), term, epsilon<Real> / 2 * std::abs(term));
          expected += term;
          size += std::abs(term);
        }
        worst.see(sum(0, i), expected, static_cast<Exact>(count + 2) * epsilon<Real> * size);
      }
      EXPECT_LE(worst.ratio(), 1) << count;
      EXPECT_TRUE(product.is_clean_outside());
      EXPECT_TRUE(sum.is_clean_outside());
    }
  });
}

TEST_P(Backward, AddsWeightsInDouble) {
  at_every_width([]<class Real>(const TileKernels<Real>& kernels, Size vectors) {
    const Size width = vectors * kernels.lanes;
    const std::vector<Real> ones(at(width), Real{1});
    std::vector<Real> product(at(width));
    std::vector<double> sum(at(width), 33554432.0);
    kernels.weigh(vectors, 1, ones.data(), ones.data(), product.data(), sum.data());
    EXPECT_EQ(sum, std::vector<double>(at(width), 33554433.0));
  });
}

TEST_P(Backward, HasTheDirectionOfItsDefinition) {
  at_every_width([]<class Real>(const TileKernels<Real>& kernels, Size vectors) {
    Numbers numbers(23);
    const Size width = vectors * kernels.lanes;
    for (const Size count : {0, 1, 2, 9}) {
      const auto f = numbers.uniforms<Real>(count * width);
      const auto z = numbers.uniforms<Real>(count * width);
      const auto g = numbers.uniforms<Real>(count * width);
      const auto u = numbers.uniforms<Real>(width);
      const auto r = numbers.uniforms<Real>(width);
      const auto s = numbers.uniforms<Real>(width);
      Field<Real> dg(count, width, width);
      dg.fill(numbers);
      Field<Real> before = dg;
      kernels.backward_direction(vectors, count, f.data(), z.data(), g.data(), u.data(), r.data(), s.data(),
                                 dg.data());
      Worst worst;
      for (Size k = 0; k < count; ++k) {
        for (Size i = 0; i < width; ++i) {
          const std::size_t p = at(k * width + i);
          const Exact second = (Exact{z[p]} - r[at(i)]) * (Exact{g[p]} - s[at(i)]);
          const Exact expected = f[p] * (Exact{before(k, i)} - u[at(i)] + second);
          const Exact size = std::abs(Exact{f[p]}) * 6;  // all numbers are at most 1
          worst.see(dg(k, i), expected, allowed<Real>(size));
        }
      }
      EXPECT_LE(worst.ratio(), 1) << count;
      EXPECT_TRUE(dg.is_clean_outside());
    }
  });
}

TEST_P(Backward, ResidualsAreOfWeightedValuesAndShares) {
  at_every_width([]<class Real>(const TileKernels<Real>& kernels, Size vectors) {
    Numbers numbers(24);
    const Size width = vectors * kernels.lanes;
    for (const Size count : {0, 1, 3, 128}) {
      const auto weight = numbers.uniforms<Real>(width);
      const auto share = numbers.uniforms<Real>(width);
      const auto b = numbers.uniforms<Real>(count * width);
      Field<Real> f(count, width, width);
      f.fill(numbers);
      Field<Real> before = f;
      Field<Real> c(count, width, width);
      Field<double> sums(4, width, width);
      sums.fill(numbers);
      Field<double> sums_before = sums;
      kernels.residual(vectors, count, weight.data(), share.data(), b.data(), f.data(), c.data(),
                       sums.data());
      Worst worst;
      for (Size i = 0; i < width; ++i) {
        Exact expected[4] = {sums_before(0, i), sums_before(1, i), sums_before(2, i), sums_before(3, i)};
        for (Size k = 0; k < count; ++k) {
          const Exact target = b[at(k * width + i)];
          const Exact value = Exact{before(k, i)} * weight[at(i)];
          const Exact rest = value - share[at(i)] * target;
          worst.see(f(k, i), value, epsilon<Real> / 2 * std::abs(value));
          worst.see(c(k, i), rest, allowed<Real>(2));  // all numbers are at most 1
          expected[0] += rest * rest;
          expected[1] += value * rest;
          expected[2] += value * value;
          expected[3] += target * rest;
        }
        for (Size kind = 0; kind < 4; ++kind)
          worst.see(sums(kind, i), expected[kind],
                    static_cast<Exact>(count + 6) * static_cast<Exact>(4 * count + 1) * epsilon<Real>);
      }
      EXPECT_LE(worst.ratio(), 1) << count;
      EXPECT_TRUE(f.is_clean_outside());
      EXPECT_TRUE(c.is_clean_outside());
      EXPECT_TRUE(sums.is_clean_outside());
      Field<Real> again = before;
      kernels.residual(vectors, count, weight.data(), share.data(), b.data(), again.data(), c.data(),
                       nullptr);
      for (Size k = 0; k < count; ++k) {
        for (Size i = 0; i < width; ++i) EXPECT_EQ(again(k, i), f(k, i));
      }
    }
  });
}

TEST_P(Backward, AddsSquares) {
  at_every_width([]<class Real>(const TileKernels<Real>& kernels, Size vectors) {
    Numbers numbers(25);
    const Size width = vectors * kernels.lanes;
    for (const Size count : {0, 1, 9}) {
      const auto f = numbers.uniforms<Real>(count * width);
      Field<Real> a(count, width, width);
      a.fill(numbers);
      Field<Real> before = a;
      kernels.add_square(vectors, count, f.data(), a.data());
      Worst worst;
      for (Size k = 0; k < count; ++k) {
        for (Size i = 0; i < width; ++i) {
          const Exact square = Exact{f[at(k * width + i)]} * f[at(k * width + i)];
          worst.see(a(k, i), before(k, i) + square, allowed<Real>(std::abs(Exact{before(k, i)}) + square));
        }
      }
      EXPECT_LE(worst.ratio(), 1) << count;
      EXPECT_TRUE(a.is_clean_outside());
    }
  });
}

ATTNEWTON_FOR_EVERY_SET(Backward);

}  // namespace
}  // namespace attnewton
