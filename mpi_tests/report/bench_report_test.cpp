#include "attnewton/report/bench_report.hpp"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace attnewton {
namespace {

using Json = nlohmann::json;

Rate dgemm_rate(std::vector<double> seconds) {
  return {1e9, {std::move(seconds)}};
}

KernelRow gradient_row() {
  KernelRow row;
  row.kernel = "gradient";
  row.precision = "double";
  row.n = 100;
  row.d = 8;
  row.output_width = 4;
  row.sequence = 50;
  row.mask = "causal";
  row.variables = "joint";
  row.repetitions = {{0.5, 0.25, 1}};
  row.count = {4e9, 3e9, 2e6};
  row.peak_memory_bytes = 1 << 20;
  return row;
}

KernelRow exp_row() {
  KernelRow row;
  row.kernel = "exp";
  row.precision = "float";
  row.n = 1000;
  row.d = 1;
  row.repetitions = {{0.5}};
  row.count = {0, 0, 1000};
  return row;
}

BenchReport example_bench() {
  BenchReport report;
  report.machine.add_dgemm(dgemm_rate({0.1, 0.05, 0.2}));  // 10, 20 and 5 GFLOP/s
  report.machine.add_dgemm(dgemm_rate({0.025}));
  report.machine.exp_per_second = 1e8;
  report.machine.exp_float_per_second = 2e8;
  report.machine.bandwidth = 30;
  report.kernels = {gradient_row(), exp_row()};
  report.ranks = 2;
  report.threads_per_rank = 3;
  report.options = {{"n", std::vector<Index>{100, 200}, true}};
  report.provenance.blas = "a BLAS";
  return report;
}

TEST(BenchReport, DgemmIsTheMedianOfAllSamples) {
  const MachineFigures machine = example_bench().machine;
  EXPECT_DOUBLE_EQ(machine.dgemm_gflops_first, 10);
  EXPECT_DOUBLE_EQ(machine.dgemm_gflops_last, 40);
  EXPECT_DOUBLE_EQ(machine.dgemm_gflops(), 15);
  EXPECT_EQ(machine.dgemm_gflops_samples.size(), 4U);
}

TEST(BenchReport, LinesStandUnderTheirHeading) {
  KernelRow row = gradient_row();
  for (const char* kernel : {"gradient", "hessian-vector"}) {
    row.kernel = kernel;
    for (const char* precision : {"double", "mixed"}) {
      row.precision = precision;
      EXPECT_EQ(kernel_line(row, 10).size(), kernel_heading().size()) << kernel << " " << precision;
    }
  }
}

TEST(BenchReport, JsonHasTheMachinesFigures) {
  const Json json = Json::parse(bench_json(example_bench()));
  EXPECT_DOUBLE_EQ(json["dgemm_gflops"], 15);
  EXPECT_DOUBLE_EQ(json["dgemm_gflops_first"], 10);
  EXPECT_DOUBLE_EQ(json["dgemm_gflops_last"], 40);
  EXPECT_EQ(json["dgemm_gflops_samples"].size(), 4U);
  EXPECT_EQ(json["exp_per_second"], 1e8);
  EXPECT_EQ(json["exp_float_per_second"], 2e8);
  EXPECT_EQ(json["bandwidth"], 30);
  EXPECT_EQ(json["ranks"], 2);
  EXPECT_EQ(json["threads_per_rank"], 3);
  EXPECT_EQ(json["options"]["given"]["n"], Json::array({100, 200}));
  EXPECT_EQ(json["provenance"]["blas"], "a BLAS");
}

TEST(BenchReport, ARowHasTimesWorkAndShares) {
  const Json row = Json::parse(bench_json(example_bench()))["kernels"][0];
  EXPECT_EQ(row["kernel"], "gradient");
  EXPECT_EQ(row["precision"], "double");
  EXPECT_EQ(row["n"], 100);
  EXPECT_EQ(row["d"], 8);
  EXPECT_EQ(row["output_width"], 4);
  EXPECT_EQ(row["sequence"], 50);
  EXPECT_EQ(row["mask"], "causal");
  EXPECT_EQ(row["variables"], "joint");
  EXPECT_FALSE(row.contains("hessian"));
  EXPECT_EQ(row["ranks"], 2);
  EXPECT_EQ(row["threads"], 3);
  EXPECT_EQ(row["repetitions"], 3);
  EXPECT_EQ(row["seconds"], 0.5);
  EXPECT_EQ(row["min_seconds"], 0.25);
  EXPECT_EQ(row["operations"], 4e9);
  EXPECT_DOUBLE_EQ(row["gflops"], 8);
  EXPECT_DOUBLE_EQ(row["share_of_dgemm"], 8.0 / 15);
  EXPECT_EQ(row["score_operations"], 3e9);
  EXPECT_DOUBLE_EQ(row["score_gflops"], 6);
  EXPECT_DOUBLE_EQ(row["score_share_of_dgemm"], 6.0 / 15);
  EXPECT_EQ(row["exponentials"], 2e6);
  EXPECT_DOUBLE_EQ(row["exp_per_second"], 4e6);
  EXPECT_EQ(row["peak_memory_bytes"], 1 << 20);
}

TEST(BenchReport, WhatDoesNotConcernAKernelIsLeftOut) {
  const Json row = Json::parse(bench_json(example_bench()))["kernels"][1];
  EXPECT_EQ(row["exp_per_second"], 2000);
  for (const char* key : {"gflops", "share_of_dgemm", "score_operations", "mask", "sequence", "output_width",
                          "variables", "peak_memory_bytes"})
    EXPECT_FALSE(row.contains(key)) << key;
}

TEST(BenchReport, NumbersThatAreNotFiniteAreStrings) {
  BenchReport report = example_bench();
  report.machine.bandwidth = std::numeric_limits<double>::infinity();
  EXPECT_EQ(Json::parse(bench_json(report))["bandwidth"], "inf");
}

TEST(BenchReport, TheTableShowsSpeedsAndShares) {
  const std::string line = kernel_line(gradient_row(), 16);
  for (const char* part : {"gradient", "100", "causal", "0.5", "8.0", "50.0 %", "37.5 %", "1 MiB"})
    EXPECT_NE(line.find(part), std::string::npos) << part << "\n" << line;
  EXPECT_EQ(line.size(), kernel_heading().size());
  const std::string of_exp = kernel_line(exp_row(), 16);
  EXPECT_EQ(of_exp.find('%'), std::string::npos);
  EXPECT_EQ(of_exp.find("exp float"), 0U);
}

TEST(BenchReport, DgemmsCourseIsTold) {
  const std::string text = dgemm_text(example_bench().machine);
  for (const char* part : {"10.0 GFLOP/s at the start", "40.0 at the end", "15.0 the median of 4 samples"})
    EXPECT_NE(text.find(part), std::string::npos) << text;
}

}  // namespace
}  // namespace attnewton
