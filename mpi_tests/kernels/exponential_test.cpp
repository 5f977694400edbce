// The exponential against the C library's in long double: within 2 units in the last place of the result.
#include <bit>

#include "attnewton/kernels/exp.hpp"

#include "kernel_test.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

template <class Real>
using Limits = std::numeric_limits<Real>;

template <class Real>
Real unit_in_the_last_place(Exact value) {
  const int exponent = std::max(std::ilogb(value), Limits<Real>::min_exponent - 1);
  return std::ldexp(Real{1}, exponent - Limits<Real>::digits + 1);
}

// Where results leave the finite numbers, and where they become 0.
template <class Real>
Real overflow_edge() {
  return static_cast<Real>(std::log(Exact{Limits<Real>::max()}));
}
template <class Real>
Real underflow_edge() {
  return static_cast<Real>(std::log(Exact{Limits<Real>::denorm_min()} / 2));
}

// The error in units in the last place; a result beyond the largest number must be ∞.
template <class Real>
Exact error_of(Real x, Real y) {
  const Exact expected = std::exp(Exact{x});
  if (std::isnan(x)) return std::isnan(y) ? 0 : infinity<Exact>;
  if (expected > Exact{Limits<Real>::max()} || expected == 0) {
    const Real limit = expected == 0 ? Real{0} : infinity<Real>;
    return y == limit ? 0 : infinity<Exact>;
  }
  const Exact error = std::abs(y - expected) / unit_in_the_last_place<Real>(expected);
  return std::isnan(error) ? infinity<Exact> : error;
}

template <class Real>
void expect_accurate(const TileKernels<Real>& kernels, const std::vector<Real>& x) {
  std::vector<Real> y(x.size());
  kernels.exponential(static_cast<Size>(x.size()), x.data(), y.data());
  Exact worst = 0;
  std::size_t where = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const Exact error = error_of(x[i], y[i]);
    if (error > worst) where = i;
    worst = std::max(worst, error);
  }
  EXPECT_LE(worst, 2) << std::hexfloat << "exp(" << x.at(where) << ") = " << y.at(where);
}

// `count` neighbours of x to either side, and x.
template <class Real>
void add_neighbours(Real x, int count, std::vector<Real>& points) {
  Real below = x;
  Real above = x;
  points.push_back(x);
  for (int i = 0; i < count; ++i) {
    below = std::nextafter(below, -infinity<Real>);
    above = std::nextafter(above, infinity<Real>);
    points.push_back(below);
    points.push_back(above);
  }
}

class Exponential : public KernelTest {};

TEST_P(Exponential, IsAccurateOnTheWholeRange) {
  in_both_types([]<class Real>(const TileKernels<Real>& kernels) {
    Numbers numbers(1);
    expect_accurate(kernels,
                    numbers.uniforms<Real>(1'000'000, underflow_edge<Real>() - 1, overflow_edge<Real>() + 1));
  });
}

TEST_P(Exponential, IsAccurateWhereTheReductionTurns) {
  in_both_types([]<class Real>(const TileKernels<Real>& kernels) {
    std::vector<Real> points;
    const Exact half = std::log(Exact{2}) / 2;
    const int last = static_cast<int>(overflow_edge<Real>() / half) + 2;
    const int first = static_cast<int>(underflow_edge<Real>() / half) - 2;
    for (int k = first; k <= last; ++k) add_neighbours(static_cast<Real>(k * half), 20, points);
    expect_accurate(kernels, points);
  });
}

TEST_P(Exponential, IsAccurateNearZero) {
  in_both_types([]<class Real>(const TileKernels<Real>& kernels) {
    std::vector<Real> points{Real{0}, -Real{0}};
    for (int e = Limits<Real>::min_exponent - Limits<Real>::digits; e <= 1; ++e) {
      for (const double mantissa : {0.5, 0.6, 0.75, 0.999}) {
        points.push_back(std::ldexp(static_cast<Real>(mantissa), e));
        points.push_back(-points.back());
      }
    }
    expect_accurate(kernels, points);
    Real one = 0;
    kernels.exponential(1, points.data() + 1, &one);
    EXPECT_EQ(one, 1) << "exp(-0)";
  });
}

TEST_P(Exponential, IsAccurateAtTheEdgeOfOverflow) {
  in_both_types([]<class Real>(const TileKernels<Real>& kernels) {
    std::vector<Real> points;
    add_neighbours(overflow_edge<Real>(), 2000, points);
    expect_accurate(kernels, points);
  });
}

TEST_P(Exponential, IsAccurateWhereResultsAreSubnormal) {
  in_both_types([]<class Real>(const TileKernels<Real>& kernels) {
    const auto first_normal = static_cast<Real>(std::log(Exact{Limits<Real>::min()}));
    const auto smallest = static_cast<Real>(std::log(Exact{Limits<Real>::denorm_min()}));
    Numbers numbers(2);
    std::vector<Real> points =
        numbers.uniforms<Real>(100'000, underflow_edge<Real>() - 0.5, first_normal + Real{0.5});
    for (const Real edge : {first_normal, smallest, underflow_edge<Real>()})
      add_neighbours(edge, 2000, points);
    expect_accurate(kernels, points);
    Real y = 0;
    kernels.exponential(1, &smallest, &y);
    EXPECT_GT(y, 0) << "the smallest number is no zero";
    y = 1;
    const Real below = underflow_edge<Real>() - 1;
    kernels.exponential(1, &below, &y);
    EXPECT_EQ(y, 0);
  });
}

TEST_P(Exponential, TakesAnyPatternOfBits) {
  in_both_types([]<class Real>(const TileKernels<Real>& kernels) {
    using Bits = std::conditional_t<sizeof(Real) == 8, std::uint64_t, std::uint32_t>;
    Numbers numbers(3);
    std::vector<Real> points{infinity<Real>, -infinity<Real>,     nan_of<Real>,
                             -nan_of<Real>,  Limits<Real>::max(), Limits<Real>::lowest()};
    for (int i = 0; i < 100'000; ++i)
      points.push_back(std::bit_cast<Real>(static_cast<Bits>(numbers.bits() >> (64 - 8 * sizeof(Real)))));
    expect_accurate(kernels, points);
  });
}

TEST_P(Exponential, TailsAndPlacesChangeNothing) {
  in_both_types([]<class Real>(const TileKernels<Real>& kernels) {
    Numbers numbers(4);
    const Size most = 2 * kernels.lanes + 1;
    const std::vector<Real> x = numbers.uniforms<Real>(most, -20, 20);
    std::vector<Real> all(at(most));
    kernels.exponential(most, x.data(), all.data());
    for (Size count = 0; count <= most; ++count) {
      for (const Size first : {Size{0}, Size{1}}) {
        if (first + count > most) continue;
        Field<Real> y(1, count, count);
        kernels.exponential(count, x.data() + first, y.data());
        EXPECT_TRUE(y.is_clean_outside()) << count;
        for (Size i = 0; i < count; ++i) EXPECT_EQ(y(0, i), all[at(first + i)]) << count << " " << i;

        Field<Real> in_place(1, count, count);
        for (Size i = 0; i < count; ++i) in_place(0, i) = x[at(first + i)];
        kernels.exponential(count, in_place.data(), in_place.data());
        EXPECT_TRUE(in_place.is_clean_outside()) << count;
        for (Size i = 0; i < count; ++i) EXPECT_EQ(in_place(0, i), all[at(first + i)]) << count << " " << i;
      }
    }
  });
}

ATTNEWTON_FOR_EVERY_SET(Exponential);

template <class Real>
void expect_the_kernels_exponential() {
  Numbers numbers(5);
  const std::vector<Real> x = numbers.uniforms<Real>(100, -30, 30);
  std::vector<Real> expected(x.size());
  tile_kernels<Real>(instruction_set()).exponential(static_cast<Size>(x.size()), x.data(), expected.data());
  std::vector<Real> y(x.size());
  exponential(std::span<const Real>(x), std::span<Real>(y));
  EXPECT_EQ(y, expected);
}

TEST(ExponentialOfSpans, IsThatOfTheSetInUse) {
  expect_the_kernels_exponential<double>();
  expect_the_kernels_exponential<float>();
}

}  // namespace
}  // namespace attnewton
