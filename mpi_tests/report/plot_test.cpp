#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "attnewton/parallel/communicator.hpp"
#include "attnewton/report/convergence_plot.hpp"

namespace attnewton {
namespace {

std::vector<IterationRecord> records() {
  std::vector<IterationRecord> all(4);
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].iteration = static_cast<Index>(i);
    all[i].objective = {10.0 / static_cast<double>(i + 1), 1, 0.5 / static_cast<double>(i + 1)};
    all[i].relative_gradient = i == 3 ? 0 : 1.0 / static_cast<double>(i + 1);
  }
  return all;
}

// A folder of this process whose name a shell would trip over.
class Plot : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("attnewton plot $(x) '" + std::to_string(getpid()));
    std::filesystem::create_directory(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string path() const { return (folder_ / "convergence.png").string(); }
  std::filesystem::path folder_;
};

TEST(PlotScript, ZeroesAreLeftOutOfALogarithmicAxis) {
  const std::string script = convergence_script(records(), {"title", 1e-8});
  EXPECT_NE(script.find("\n0 1 1 0.5\n"), std::string::npos) << script;
  EXPECT_NE(script.find("\n3 NaN NaN 0.125\n"), std::string::npos) << script;
  EXPECT_NE(script.find("1e-08 with lines"), std::string::npos) << script;
}

TEST(PlotScript, ATitleCannotBreakOut) {
  const std::string script = convergence_script(records(), {"a\"b`c\nd", 0});
  EXPECT_NE(script.find("set title \"a b c d\""), std::string::npos) << script;
}

TEST_F(Plot, AppearsWholeOrSaysWhyNot) {
  const auto failure = draw_convergence(path(), records(), {"title", 1e-8});
  if (failure) {
    EXPECT_FALSE(std::filesystem::exists(path()));
    GTEST_SKIP() << *failure;
  }
  std::ifstream file(path(), std::ios::binary);
  std::string begin(4, ' ');
  file.read(begin.data(), 4);
  EXPECT_EQ(begin, "\x89PNG");
  EXPECT_GT(std::filesystem::file_size(path()), 2000U);
}

TEST_F(Plot, OneIterationOrNoneIsNoReasonToFail) {
  const std::vector<IterationRecord> all = records();
  EXPECT_FALSE(draw_convergence(path(), std::span(all).first(1), {"title", 0}) == "gnuplot failed");
  EXPECT_NO_THROW(draw_convergence(path(), {}, {"title", 0}));
}

TEST_F(Plot, AFolderThatIsNotThereIsReported) {
  const auto failure = draw_convergence((folder_ / "none" / "x.png").string(), records(), {"title", 0});
  EXPECT_TRUE(failure.has_value());
}

TEST_F(Plot, WithoutGnuplotThereIsANote) {
  const char* path_before = std::getenv("PATH");
  const std::string before = path_before != nullptr ? path_before : "";
  setenv("PATH", "/nowhere", 1);
  const auto failure = draw_convergence(path(), records(), {"title", 0});
  setenv("PATH", before.c_str(), 1);
  EXPECT_EQ(failure, "gnuplot is not installed");
  EXPECT_FALSE(std::filesystem::exists(path()));
}

}  // namespace
}  // namespace attnewton
