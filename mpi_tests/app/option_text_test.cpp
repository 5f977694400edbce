#include "option_text.hpp"

#include <cmath>

#include <gtest/gtest.h>

namespace attnewton {
namespace {

TEST(OptionText, NumbersTakeTheWholeWord) {
  EXPECT_EQ(parse_number("1e-4"), 1e-4);
  EXPECT_EQ(parse_number("-2.5"), -2.5);
  EXPECT_EQ(parse_number("+3"), 3.0);
  for (const char* word : {"", "1e-4x", "x", "nan", "inf", "-inf", "1e999", " 1", "1 ", "+-1", "0x10", "1,5"})
    EXPECT_FALSE(parse_number(word)) << word;
}

TEST(OptionText, IntegersTakeTheWholeWord) {
  EXPECT_EQ(parse_integer("-12"), -12);
  EXPECT_EQ(parse_integer("9223372036854775807"), 9223372036854775807);
  for (const char* word : {"", "1.0", "1e3", "9223372036854775808", "0x10"})
    EXPECT_FALSE(parse_integer(word)) << word;
}

TEST(OptionText, DurationsAreSecondsOrClockTimes) {
  EXPECT_EQ(parse_duration("90"), 90.0);
  EXPECT_EQ(parse_duration("0.5"), 0.5);
  EXPECT_EQ(parse_duration("1:02:03"), 3723.0);
  EXPECT_EQ(parse_duration("48:00:00"), 172800.0);
  EXPECT_TRUE(std::isinf(parse_duration("none").value_or(0)));
  for (const char* word :
       {"", "-1", "1:02", "1:2:3", "1:60:00", "1:00:60", "-1:00:00", "1:00:00:00", "a:00:00", "1h"})
    EXPECT_FALSE(parse_duration(word)) << word;
}

TEST(OptionText, NumberTextReadsBackToTheSameBits) {
  for (const double value : {0.1, 1.0 / 3, 1e-300, 1e22, -5e-324, 123456789.0})
    EXPECT_EQ(parse_number(number_text(value)), value);
}

TEST(OptionText, EditDistanceCountsSwapsOnce) {
  EXPECT_EQ(edit_distance("", "abc"), 3);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3);
  EXPECT_EQ(edit_distance("slove", "solve"), 1);
  EXPECT_EQ(edit_distance("solve", "solve"), 0);
  EXPECT_EQ(edit_distance("ab", "ba"), 1);
}

TEST(OptionText, TheNearestNameIsOfferedOnlyWhenNear) {
  const std::vector<std::string> names = {"tolerance", "threads", "ridge", "init"};
  EXPECT_EQ(nearest_name("tolerence", names), "tolerance");
  EXPECT_EQ(nearest_name("tol", names), "tolerance");
  EXPECT_EQ(nearest_name("rigde", names), "ridge");
  EXPECT_FALSE(nearest_name("zzzzzz", names));
  EXPECT_FALSE(nearest_name("", names));
  EXPECT_EQ(did_you_mean("thread", names), "; did you mean 'threads'?");
  EXPECT_EQ(did_you_mean("zzzzzz", names), "");
}

}  // namespace
}  // namespace attnewton
