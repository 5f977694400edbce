#include "attnewton/report/console_table.hpp"

#include <cmath>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace attnewton {
namespace {

IterationRecord record_of(Index iteration) {
  IterationRecord record;
  record.iteration = iteration;
  record.method = iteration == 0 ? "" : "newton-cg";
  record.objective = {123.456, 120, 0.25};
  record.gradient_norm = 42;
  record.relative_gradient = 1e-3;
  record.step_norm = 0.5;
  record.damping = 1e-2;
  record.ratio = iteration == 0 ? std::numeric_limits<double>::quiet_NaN() : 0.875;
  record.trials = iteration == 0 ? 0 : 1;
  record.factorisations = 7;
  record.products = iteration == 0 ? 0 : 1;
  record.seconds = 1.25;
  return record;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> table_lines(Index iterations, const ConsoleTableOptions& options) {
  std::ostringstream out;
  ConsoleTable table(out, options);
  for (Index i = 0; i < iterations; ++i) table.on_iteration(record_of(i));
  table.finish();
  return lines_of(out.str());
}

TEST(ConsoleTable, AlignsRowsUnderTheHeader) {
  const auto lines = table_lines(3, {});
  ASSERT_EQ(lines.size(), 4U);
  for (const std::string& line : lines) EXPECT_EQ(line.size(), lines.front().size()) << line;
  for (const char* title :
       {"iter", "method", "loss", "|g|/|g0|", "residual", "step", "damping", "ratio", "products", "seconds"})
    EXPECT_NE(lines[0].find(title), std::string::npos) << title;
  EXPECT_EQ(lines[0].find("factor."), std::string::npos);
  EXPECT_NE(lines[2].find("1.234560000e+02"), std::string::npos);
  EXPECT_NE(lines[2].find("0.875"), std::string::npos);
  EXPECT_NE(lines[2].find("newton-cg"), std::string::npos);
  // A single product is told as well.
  const std::size_t end_of_products = lines[0].find("products") + std::string("products").size();
  EXPECT_EQ(lines[2].at(end_of_products - 1), '1') << lines[2];
}

TEST(ConsoleTable, TheStartHasNoStepAndNoRatio) {
  const auto lines = table_lines(1, {});
  EXPECT_EQ(lines[1].find("nan"), std::string::npos) << lines[1];
}

TEST(ConsoleTable, TrialsShowOnlyWhenThereWereSeveral) {
  std::ostringstream out;
  ConsoleTable table(out, {});
  IterationRecord record = record_of(1);
  table.on_iteration(record);
  record.trials = 17;
  table.on_iteration(record);
  const auto lines = lines_of(out.str());
  EXPECT_EQ(lines[1].find(" 17 "), std::string::npos);
  EXPECT_NE(lines[2].find(" 17 "), std::string::npos);
}

TEST(ConsoleTable, LogEverySkipsButKeepsTheLast) {
  const auto lines = table_lines(12, {.log_every = 5});
  ASSERT_EQ(lines.size(), 5U);  // header, 0, 5, 10, 11
  EXPECT_EQ(lines[1].substr(0, 4), "   0");
  EXPECT_EQ(lines[3].substr(0, 4), "  10");
  EXPECT_EQ(lines[4].substr(0, 4), "  11");
  EXPECT_EQ(table_lines(11, {.log_every = 5}).size(), 4U);
}

TEST(ConsoleTable, RepeatsTheHeader) {
  const auto lines = table_lines(60, {});
  EXPECT_EQ(lines.size(), 63U);
  EXPECT_EQ(lines[26], lines[0]);
}

TEST(ConsoleTable, VerboseAddsFactorisationsAndTheGradientsNorm) {
  const auto lines = table_lines(2, {.verbose = true});
  EXPECT_NE(lines[0].find("factor."), std::string::npos);
  EXPECT_NE(lines[2].find("4.20e+01"), std::string::npos);
}

}  // namespace
}  // namespace attnewton
