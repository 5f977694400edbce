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

ATTNEWTON_FOR_EVERY_SET(Backward);

}  // namespace
}  // namespace attnewton
