// attnewton bench: a row a kernel and point of the grid, on any number of ranks. No time is judged here.
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "cli_run.hpp"

namespace attnewton::cli {
namespace {

using Json = nlohmann::json;
using Words = std::vector<std::string>;

class CliBench : public CliTest {
 protected:
  // Small products and few repetitions besides `words`; what was written.
  Json bench(int ranks, const Words& words) const {
    Words all = {"bench",        "--threads", "1",       "--repetitions", "1",
                 "--dgemm-size", "64",        "--quiet", "--out",         path("out")};
    all.insert(all.end(), words.begin(), words.end());
    const Outcome outcome = run(ranks, all);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_EQ(outcome.out, "");
    return Json::parse(read_file(path("out") + "/bench.json"));
  }
};

void expect_positive(const Json& object, const Words& keys) {
  for (const std::string& key : keys) {
    ASSERT_TRUE(object.contains(key)) << key << " in " << object;
    EXPECT_GT(object[key].get<double>(), 0) << key;
  }
}

TEST_F(CliBench, AGridGivesARowForEveryPointAndKernel) {
  for (const int ranks : {1, 2, 4}) {
    const Json json = bench(ranks, {"--n", "24,40", "--d", "2", "3", "--sequence", "0", "16", "--mask",
                                    "none,causal", "--kernel", "gradient", "hessian-vector,assembly"});
    expect_positive(json, {"dgemm_gflops", "dgemm_gflops_first", "dgemm_gflops_last", "exp_per_second",
                           "exp_float_per_second", "bandwidth"});
    ASSERT_EQ(json["kernels"].size(), 2U * 2 * 2 * 2 * 3);
    for (const Json& row : json["kernels"]) {
      expect_positive(
          row, {"n", "d", "output_width", "sequence", "threads", "ranks", "repetitions", "seconds",
                "min_seconds", "operations", "gflops", "share_of_dgemm", "score_operations", "score_gflops",
                "score_share_of_dgemm", "exponentials", "peak_memory_bytes"});
      EXPECT_EQ(row["ranks"], ranks);
      EXPECT_EQ(row["threads"], 1);
      EXPECT_EQ(row["repetitions"], 1);
      EXPECT_EQ(row["variables"], "joint");
      EXPECT_EQ(row["precision"], "double");
      EXPECT_EQ(row.contains("hessian"), row["kernel"] == "assembly");
    }
    const Json& last = json["kernels"].back();
    EXPECT_EQ(last["kernel"], "assembly");
    EXPECT_EQ(last["n"], 40);
    EXPECT_EQ(last["d"], 3);
    EXPECT_EQ(last["sequence"], 16);
    EXPECT_EQ(last["mask"], "causal");
    // A sample before all rows, one after each, and one at the end.
    EXPECT_EQ(json["dgemm_gflops_samples"].size(), 1 + json["kernels"].size() + 1);
  }
}

TEST_F(CliBench, ProjectedVariablesAndGaussNewton) {
  const Json json = bench(2, {"--n", "30", "--d", "4", "--output-width", "2", "--causal", "--variables",
                              "projected", "--hessian", "gauss-newton"});
  ASSERT_EQ(json["kernels"].size(), 6U);  // dgemm, two of exp, and three
  for (std::size_t i = 3; i < 6; ++i) {
    EXPECT_EQ(json["kernels"][i]["variables"], "projected");
    EXPECT_EQ(json["kernels"][i]["mask"], "causal");
    EXPECT_EQ(json["kernels"][i]["sequence"], 30);
    EXPECT_EQ(json["kernels"][i]["output_width"], 2);
  }
  EXPECT_EQ(json["kernels"][5]["hessian"], "gauss-newton");
}

TEST_F(CliBench, BothPrecisions) {
  const Json json =
      bench(2, {"--n", "30", "--d", "4", "--precision", "double,mixed", "--kernel", "gradient,assembly"});
  ASSERT_EQ(json["kernels"].size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(json["kernels"][i]["precision"], i < 2 ? "double" : "mixed");
  EXPECT_EQ(json["provenance"]["kernels"].get<std::string>().empty(), false);
}

TEST_F(CliBench, TheMachinesOwnRows) {
  const Json json = bench(2, {"--kernel", "exp", "dgemm"});
  const Json& rows = json["kernels"];
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0]["kernel"], "dgemm");
  expect_positive(rows[0], {"operations", "gflops", "share_of_dgemm"});
  EXPECT_EQ(rows[0]["operations"], 2 * 2.0 * 64 * 64 * 64);
  EXPECT_EQ(rows[1]["kernel"], "exp");
  EXPECT_EQ(rows[1]["precision"], "double");
  EXPECT_EQ(rows[2]["precision"], "float");
  expect_positive(rows[2], {"n", "seconds", "exponentials", "exp_per_second"});
  EXPECT_EQ(json["options"]["given"]["kernel"], Json::array({"exp", "dgemm"}));
  EXPECT_FALSE(json["provenance"]["blas"].get<std::string>().empty());
  EXPECT_EQ(count(json["provenance"]["command"], "attnewton bench"), 1);
}

TEST_F(CliBench, SketchesAreTimedWhenTheyAreAskedFor) {
  for (const int ranks : {1, 3}) {
    const Json json = bench(ranks, {"--kernel", "sketch", "--n", "70", "--d", "2,3"});
    const Json& rows = json["kernels"];
    ASSERT_EQ(rows.size(), 6U);
    for (const Json& row : rows)
      expect_positive(row, {"n", "d", "seconds", "operations", "gflops", "peak_memory_bytes"});
    EXPECT_EQ(rows[0]["kernel"], "walsh-hadamard");
    EXPECT_EQ(rows[1]["kernel"], "tensor-srht");
    EXPECT_EQ(rows[5]["kernel"], "tensor-sparse");
    EXPECT_EQ(rows[3]["operations"], ranks * 128 * 7 * 3);
  }
}

TEST_F(CliBench, TheTableIsPrintedOnceAndNeedsNoFolder) {
  for (const int ranks : {1, 4}) {
    const Outcome outcome = run(ranks, {"bench", "--n", "20", "--d", "2", "--threads", "1", "--repetitions",
                                        "1", "--dgemm-size", "32"});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    for (const char* part :
         {"BLAS: ", "median s", "gradient", "hessian-vector", "assembly", "exp float", "at the start"})
      EXPECT_EQ(count(outcome.out, part), 1) << part << "\n" << outcome.out;
  }
}

TEST_F(CliBench, AListMayStandInAFile) {
  write_file(path("bench.ini"), "kernel = gradient\nn = 12, 20\nd = 2\nd = 3\n");
  const Json json = bench(1, {"--config", path("bench.ini"), "--d", "4"});
  ASSERT_EQ(json["kernels"].size(), 2U);
  EXPECT_EQ(json["kernels"][1]["n"], 20);
  EXPECT_EQ(json["kernels"][1]["d"], 4);
}

TEST_F(CliBench, AFolderThatCannotBeMadeIsFoundAtOnce) {
  write_file(path("file"), "in the way");
  for (const int ranks : {1, 2})
    expect_error(run(ranks, {"bench", "--quiet", "--out", path("file") + "/out"}), 6, {path("file")});
}

TEST_F(CliBench, AProblemThatFitsNoMachineIsRefused) {
  const Outcome outcome = run(2, {"bench", "--kernel", "gradient", "--n", "1000000000000", "--d", "64",
                                  "--repetitions", "1", "--dgemm-size", "32", "--threads", "1"});
  EXPECT_EQ(outcome.exit_code, 5);
  EXPECT_EQ(count(outcome.err, "out of memory"), 1) << outcome.err;
}

}  // namespace
}  // namespace attnewton::cli
