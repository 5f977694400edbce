#include "attnewton/report/iteration_log.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "attnewton/core/error.hpp"

namespace attnewton {
namespace {

TEST(IterationLog, EveryFieldIsThere) {
  IterationRecord record;
  record.iteration = 3;
  record.method = "newton-cg";
  record.objective = {1.5, 1.25, 0.125};
  record.gradient_norm = 2;
  record.relative_gradient = 1e-17;
  record.step_norm = 0.1;
  record.damping = 0.3;
  record.ratio = 0.99;
  record.trials = 2;
  record.factorisations = 5;
  record.products = 17;
  record.seconds = 12.5;
  const auto json = nlohmann::json::parse(iteration_json(record));
  EXPECT_EQ(json["iteration"], 3);
  EXPECT_EQ(json["method"], "newton-cg");
  EXPECT_EQ(json["loss"], 1.5);
  EXPECT_EQ(json["data_loss"], 1.25);
  EXPECT_EQ(json["relative_residual"], 0.125);
  EXPECT_EQ(json["gradient_norm"], 2.0);
  EXPECT_EQ(json["relative_gradient"], 1e-17);
  EXPECT_EQ(json["step_norm"], 0.1);
  EXPECT_EQ(json["damping"], 0.3);
  EXPECT_EQ(json["ratio"], 0.99);
  EXPECT_EQ(json["trials"], 2);
  EXPECT_EQ(json["factorisations"], 5);
  EXPECT_EQ(json["products"], 17);
  EXPECT_EQ(json["seconds"], 12.5);
  EXPECT_EQ(json.size(), 15U);
}

TEST(IterationLog, NumbersThatAreNotFiniteAreStrings) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  IterationRecord record;
  record.objective = {infinity, -infinity, std::numeric_limits<double>::quiet_NaN()};
  const auto json = nlohmann::json::parse(iteration_json(record));
  EXPECT_EQ(json["loss"], "inf");
  EXPECT_EQ(json["data_loss"], "-inf");
  EXPECT_EQ(json["relative_residual"], "nan");
}

TEST(IterationLog, LinesAreThereAsSoonAsTheyAreWritten) {
  const auto path =
      std::filesystem::temp_directory_path() / ("attnewton-log-" + std::to_string(getpid()) + ".jsonl");
  IterationLog log(path.string());
  IterationRecord record;
  for (Index i = 0; i < 3; ++i) {
    record.iteration = i;
    log.on_iteration(record);
    std::ifstream file(path);
    Index lines = 0;
    for (std::string line; std::getline(file, line); ++lines)
      EXPECT_EQ(nlohmann::json::parse(line)["iteration"], lines);
    EXPECT_EQ(lines, i + 1);
  }
  EXPECT_FALSE(log.failed());
  std::filesystem::remove(path);
}

TEST(IterationLog, SaysWhatCannotBeOpened) {
  try {
    IterationLog log("/nowhere/iterations.jsonl");
    FAIL() << "opened";
  } catch (const IoError& error) {
    EXPECT_NE(std::string(error.what()).find("/nowhere/iterations.jsonl"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("No such file"), std::string::npos);
  }
}

}  // namespace
}  // namespace attnewton
