// The strong Wolfe conditions, checked at the returned length by themselves, on hand-made functions of one
// variable: Moré and Thuente's (1994), others that run on, leave their domain or drown in rounding.
#include "attnewton/solver/line_search.hpp"

#include <cmath>
#include <limits>
#include <numbers>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace attnewton {
namespace {

using Function = std::function<LineValue(double)>;

struct Search {
  std::optional<double> length;
  std::vector<double> tried;
};

Search search(const Function& phi, double first, double rounding = 0, const LineSearchOptions& options = {}) {
  Search result;
  const Function counted = [&](double length) {
    result.tried.push_back(length);
    return phi(length);
  };
  result.length = search_line(counted, phi(0), first, rounding, options);
  EXPECT_LE(static_cast<Index>(result.tried.size()), options.most_trials);
  return result;
}

void expect_strong_wolfe(const Function& phi, const Search& found, const LineSearchOptions& options = {}) {
  ASSERT_TRUE(found.length.has_value());
  EXPECT_EQ(*found.length, found.tried.back()) << "the last evaluation must be the one returned";
  const LineValue start = phi(0);
  const LineValue end = phi(*found.length);
  EXPECT_LE(end.value, start.value + options.sufficient_decrease * *found.length * start.slope);
  EXPECT_LE(std::abs(end.slope), options.curvature * std::abs(start.slope));
}

// Functions 1 to 6 of Moré and Thuente's §5, with the tolerances that they give them.
struct HardFunction {
  std::string name;
  Function phi;
  double sufficient_decrease;
  double curvature;
};

LineValue rational(double a) {
  const double below = a * a + 2;
  return {-a / below, (a * a - 2) / (below * below)};
}

LineValue quintic(double a) {
  const double b = a + 0.004;
  return {std::pow(b, 5) - 2 * std::pow(b, 4), 5 * std::pow(b, 4) - 8 * std::pow(b, 3)};
}

LineValue wavy(double a) {
  constexpr double beta = 0.01;
  constexpr double waves = 39 * std::numbers::pi / 2;
  LineValue at{(a - 1) * (a - 1) / (2 * beta) + beta / 2, (a - 1) / beta};
  if (a <= 1 - beta) at = {1 - a, -1};
  if (a >= 1 + beta) at = {a - 1, 1};
  at.value += (1 - beta) / waves * std::sin(waves * a);
  at.slope += (1 - beta) * std::cos(waves * a);
  return at;
}

Function yanai(double beta1, double beta2) {
  return [=](double a) {
    const auto gamma = [](double beta) { return std::sqrt(1 + beta * beta) - beta; };
    const double left = std::sqrt((1 - a) * (1 - a) + beta2 * beta2);
    const double right = std::sqrt(a * a + beta1 * beta1);
    return LineValue{gamma(beta1) * left + gamma(beta2) * right,
                     -gamma(beta1) * (1 - a) / left + gamma(beta2) * a / right};
  };
}

std::vector<HardFunction> hard_functions() {
  return {{"1", rational, 1e-3, 0.1},
          {"2", quintic, 0.1, 0.1},
          {"3", wavy, 0.1, 0.1},
          {"4", yanai(0.001, 0.001), 1e-3, 1e-3},
          {"5", yanai(0.01, 0.001), 1e-3, 1e-3},
          {"6", yanai(0.001, 0.01), 1e-3, 1e-3}};
}

TEST(LineSearch, SatisfiesTheConditionsOnMoreAndThuentesFunctions) {
  for (const HardFunction& hard : hard_functions()) {
    const double step = 1e-7;
    EXPECT_NEAR((hard.phi(0.3 + step).value - hard.phi(0.3 - step).value) / (2 * step), hard.phi(0.3).slope,
                1e-6)
        << "the test's own derivative of function " << hard.name;
    for (const double first : {1e-3, 1e-1, 1e1, 1e3}) {
      SCOPED_TRACE("function " + hard.name + " from " + std::to_string(first));
      const LineSearchOptions options{hard.sufficient_decrease, hard.curvature};
      expect_strong_wolfe(hard.phi, search(hard.phi, first, 0, options), options);
      expect_strong_wolfe(hard.phi, search(hard.phi, first));
    }
  }
}

TEST(LineSearch, TakesTheFirstLengthThatWillDo) {
  const Function parabola = [](double a) { return LineValue{0.5 * (a - 1) * (a - 1), a - 1}; };
  const Search found = search(parabola, 1);
  expect_strong_wolfe(parabola, found);
  EXPECT_EQ(found.tried, std::vector<double>{1});
}

// The cubic through two points of a parabola is the parabola.
TEST(LineSearch, FindsAParabolasMinimiserByOneInterpolation) {
  const LineSearchOptions exact{1e-4, 1e-10};
  const Function parabola = [](double a) { return LineValue{0.5 * (a - 0.3) * (a - 0.3), a - 0.3}; };
  const Search found = search(parabola, 1, 0, exact);
  expect_strong_wolfe(parabola, found, exact);
  EXPECT_EQ(found.tried.size(), 2U);
  EXPECT_NEAR(*found.length, 0.3, 1e-10);
}

TEST(LineSearch, ExtrapolatesToAFarMinimum) {
  const LineSearchOptions options{1e-4, 0.1};
  for (const double minimiser : {5e2, 5e7}) {
    const Function parabola = [&](double a) {
      return LineValue{0.5 * a * a / minimiser - a, a / minimiser - 1};
    };
    const Search found = search(parabola, 1, 0, options);
    expect_strong_wolfe(parabola, found, options);
    EXPECT_GE(*found.length, 0.9 * minimiser);
  }
}

// A barrier at 1, beyond which there is no value: −2α − log(1 − α) has its minimum at ½.
TEST(LineSearch, ComesBackIntoTheDomain) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  for (const double outside : {infinity, std::nan(""), -infinity}) {
    for (const double edge : {1.0, 1e-8}) {
      const Function barrier = [&](double length) {
        const double a = length / edge;
        if (a >= 1) return LineValue{outside, std::nan("")};
        return LineValue{-2 * a - std::log(1 - a), (-2 + 1 / (1 - a)) / edge};
      };
      for (const double first : {1e-3, 0.5, 1.0, 10.0}) {
        SCOPED_TRACE(testing::Message() << outside << ", edge at " << edge << ", from " << first);
        expect_strong_wolfe(barrier, search(barrier, first));
      }
    }
  }
}

// A parabola of depth 5e-15, on a value of 1 that rounding lifts by 2e-13 to 8e-13 everywhere but at 0.
LineValue drowned(double a) {
  const double noise = a == 0 ? 0 : 3e-13 * (1.5 + std::sin(1e6 * a));
  return {1 + 1e-14 * (0.5 * a * a - a) + noise, 1e-14 * (a - 1)};
}

TEST(LineSearch, LetsSlopesStandForValuesThatDrownInRounding) {
  for (const double first : {1e-2, 0.15, 1.0, 10.0, 1e3}) {
    SCOPED_TRACE(first);
    EXPECT_FALSE(search(drowned, first).length.has_value()) << "by its values the function only rises";
    const Search found = search(drowned, first, 1e-12);
    ASSERT_TRUE(found.length.has_value());
    EXPECT_EQ(*found.length, found.tried.back());
    // (2c₁ − 1)φ′(0) ≥ φ′(α) ≥ c₂φ′(0).
    EXPECT_LE(drowned(*found.length).slope, (1 - 2e-4) * 1e-14);
    EXPECT_GE(drowned(*found.length).slope, -0.9 * 1e-14);
  }
}

// Slopes do not stand for values that differ by more than rounding.
TEST(LineSearch, RejectsARiseThatIsNoRounding) {
  const Function cliff = [](double a) {
    return LineValue{1 + 1e-14 * (0.5 * a * a - a) + (a > 0.05 ? 1e-9 : 0), 1e-14 * (a - 1)};
  };
  EXPECT_FALSE(search(cliff, 1, 1e-12).length.has_value());
}

TEST(LineSearch, GivesNoneWhereNoLengthSatisfiesTheConditions) {
  const Function bottomless = [](double a) { return LineValue{-a, -1}; };
  const Function rising = [](double a) { return LineValue{a, -1}; };
  const Function corner = [](double a) { return LineValue{std::abs(a - 0.3), a < 0.3 ? -1.0 : 1.0}; };
  const Function nowhere = [](double a) { return LineValue{a == 0 ? 0 : std::nan(""), -1}; };
  const Function slopeless = [](double a) { return LineValue{-a, a == 0 ? -1 : std::nan("")}; };
  for (const Function& phi : {bottomless, rising, corner, nowhere, slopeless}) {
    for (const double first : {1e-3, 1.0, 1e3}) {
      const Search found = search(phi, first);
      EXPECT_FALSE(found.length.has_value()) << "from " << first;
      EXPECT_GE(found.tried.size(), 1U);
    }
  }
}

TEST(LineSearch, TriesNoMoreLengthsThanItMay) {
  const Function parabola = [](double a) { return LineValue{0.5 * (a - 500) * (a - 500), a - 500}; };
  LineSearchOptions options{1e-4, 0.1, 2};
  EXPECT_FALSE(search(parabola, 1, 0, options).length.has_value());
  options.most_trials = 4;
  expect_strong_wolfe(parabola, search(parabola, 1, 0, options), options);
}

}  // namespace
}  // namespace attnewton
