#include "attnewton/pruning/pattern.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"
#include "attnewton/pruning/mask.hpp"

namespace attnewton {
namespace {

TEST(Pattern, ReadsWhatItPrints) {
  EXPECT_EQ(parse_pattern("unstructured"), Pattern{});
  EXPECT_EQ(parse_pattern("2:4"), (Pattern{PatternKind::n_of_m, 2, 4}));
  for (const std::string text : {"unstructured", "1:1", "2:4", "4:8", "3:7", "16:1048576"})
    EXPECT_EQ(to_string(parse_pattern(text)), text);
}

TEST(Pattern, RefusesOtherTexts) {
  for (const std::string text : {"", "2", "2:", ":4", "a:b", "2:4:8", "2 :4", "2:4 ", "+2:4", "2.0:4",
                                 "Unstructured", "99999999999999999999:4"}) {
    EXPECT_THROW(parse_pattern(text), UsageError) << text;
  }
  for (const std::string text : {"0:4", "5:4", "-1:4", "2:-4", "0:0", "1:1048577"}) {
    try {
      parse_pattern(text);
      ADD_FAILURE() << text;
    } catch (const UsageError& error) {
      EXPECT_NE(std::string(error.what()).find("pattern '" + text + "': "), std::string::npos)
          << error.what();
    }
  }
}

TEST(Pattern, RatioIsItsOwnOrTheOneGiven) {
  const Pattern free;
  EXPECT_EQ(removed_share(free, 0.25), 0.25);
  EXPECT_EQ(removed_share(free, 0.0), 0);
  for (const double ratio : {-0.1, 1.0, 2.0, std::numeric_limits<double>::quiet_NaN()})
    EXPECT_THROW(removed_share(free, ratio), UsageError);
  EXPECT_THROW(removed_share(free, std::nullopt), UsageError);
  EXPECT_EQ(removed_share(parse_pattern("2:4"), std::nullopt), 0.5);
  EXPECT_EQ(removed_share(parse_pattern("2:4"), 0.5), 0.5);
  EXPECT_NEAR(removed_share(parse_pattern("1:3"), 0.6666667), 2.0 / 3, 1e-15);
  EXPECT_THROW(removed_share(parse_pattern("2:4"), 0.6), UsageError);
  EXPECT_THROW(removed_share(parse_pattern("2:4"), std::numeric_limits<double>::quiet_NaN()), UsageError);
}

TEST(Pattern, AShortGroupKeepsItsShareRoundedUp) {
  const Pattern pattern = parse_pattern("4:8");
  const std::vector<Index> expected = {1, 1, 2, 2, 3, 3, 4, 4};
  for (Index length = 1; length <= 8; ++length)
    EXPECT_EQ(kept_of_group(pattern, length), expected[static_cast<std::size_t>(length - 1)]);
  EXPECT_EQ(kept_of_group(parse_pattern("1:4"), 3), 1);
  EXPECT_EQ(kept_of_group(parse_pattern("3:3"), 2), 2);
}

Matrix small_scores() {
  Matrix scores(4, 2);
  scores << 8, 1,  //
      7, 2,        //
      6, 3,        //
      5, 4;
  return scores;
}

TEST(KeepLargest, OfTheWholeMatrixAndOfEachOutput) {
  const Mask whole = keep_largest(small_scores(), {}, 0.5);
  Mask expected(4, 2);
  expected << true, false, true, false, true, false, true, false;
  EXPECT_EQ(whole, expected);
  const Mask each = keep_largest(small_scores(), {}, 0.5, Comparison::each_output);
  expected << true, false, true, false, false, true, false, true;
  EXPECT_EQ(each, expected);
  EXPECT_EQ(sparsity(each), 0.5);
}

TEST(KeepLargest, RemovesRoundedCounts) {
  Matrix scores(7, 5);
  for (Index e = 0; e < scores.size(); ++e) scores.data()[e] = static_cast<double>((e * 11) % 35);
  for (const double ratio : {0.0, 0.01, 0.02, 0.3, 0.5, 0.77, 0.99, 1.0}) {
    EXPECT_EQ(35 - keep_largest(scores, {}, ratio).count(), std::llround(35 * ratio)) << ratio;
    const Mask each = keep_largest(scores, {}, ratio, Comparison::each_output);
    for (Index j = 0; j < 5; ++j) EXPECT_EQ(7 - each.col(j).count(), std::llround(7 * ratio)) << ratio;
  }
}

TEST(KeepLargest, TiesGoInOrderOfPosition) {
  const Matrix scores = Matrix::Ones(4, 3);
  for (Index count = 0; count <= 12; ++count) {
    const Mask mask = keep_largest(scores, {}, static_cast<double>(count) / 12);
    for (Index e = 0; e < 12; ++e) EXPECT_EQ(mask.data()[e], e >= count);
  }
  const Mask half = keep_largest(scores, parse_pattern("2:4"), 0.5);
  for (Index j = 0; j < 3; ++j) {
    for (Index i = 0; i < 4; ++i) EXPECT_EQ(half(i, j), i >= 2);
  }
}

TEST(KeepLargest, KeepsTheLargestOfEveryGroup) {
  Matrix scores(11, 6);
  for (Index e = 0; e < scores.size(); ++e) scores.data()[e] = static_cast<double>((e * 29) % 67);
  for (const std::string text : {"2:4", "1:4", "4:8", "3:3", "2:5", "7:20"}) {
    const Pattern pattern = parse_pattern(text);
    const Mask mask = keep_largest(scores, pattern, removed_share(pattern, std::nullopt));
    for (Index first = 0; first < 11; first += pattern.group) {
      const Index length = std::min(pattern.group, 11 - first);
      for (Index j = 0; j < 6; ++j) {
        EXPECT_EQ(mask.col(j).segment(first, length).count(), kept_of_group(pattern, length)) << text;
        for (Index kept = first; kept < first + length; ++kept) {
          for (Index gone = first; gone < first + length; ++gone) {
            if (mask(kept, j) && !mask(gone, j)) {
              EXPECT_GT(scores(kept, j), scores(gone, j)) << text;
            }
          }
        }
      }
    }
  }
}

TEST(KeepLargest, OrdersInfinitiesAndRefusesNan) {
  Matrix scores = small_scores();
  scores(3, 1) = std::numeric_limits<double>::infinity();
  EXPECT_TRUE(keep_largest(scores, {}, 0.75)(3, 1));
  scores(2, 1) = std::numeric_limits<double>::quiet_NaN();
  try {
    keep_largest(scores, {}, 0.5);
    ADD_FAILURE();
  } catch (const NumericalError& error) {
    EXPECT_NE(std::string(error.what()).find("weight (2, 1) is NaN"), std::string::npos) << error.what();
  }
  EXPECT_THROW(keep_largest(small_scores(), parse_pattern("2:4"), 0.4), InternalError);
  EXPECT_THROW(keep_largest(small_scores(), {}, 1.5), InternalError);
}

TEST(Mask, ZeroesWhatGoesWhateverItWas) {
  Matrix weights = small_scores();
  weights(0, 1) = -3;
  weights(1, 1) = std::numeric_limits<double>::infinity();
  const Mask mask = keep_largest(small_scores(), {}, 0.5);
  const Matrix left = masked(weights, mask);
  EXPECT_EQ(left.col(0), weights.col(0));
  EXPECT_EQ(left.col(1), Vector::Zero(4));
  EXPECT_FALSE(std::signbit(left(0, 1)));
  EXPECT_EQ(sparsity(Mask(0, 3)), 0);
  EXPECT_THROW(masked(weights, Mask(2, 2)), InternalError);
}

}  // namespace
}  // namespace attnewton
