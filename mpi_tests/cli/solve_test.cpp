// generate, solve and check on small planted problems.
#include <filesystem>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "planted_attention.hpp"

namespace attnewton::cli {
namespace {

const Words generated_files = {"a1.npy", "b.npy", "offsets.npy", "x_true.npy", "y_true.npy", "solve.ini"};

class CliGenerate : public CliTest {};

TEST_F(CliGenerate, FilesAreTheSameByteForByteOnAnyRanks) {
  const Words words = {
      "generate", "--rows",  "101", "--width", "5", "--output-width", "3", "--sequence-length",
      "30",       "--noise", "0.1", "--seed",  "9", "--out"};
  for (const int ranks : {1, 2, 3, 4}) {
    Words with_out = words;
    with_out.push_back(path(fmt::format("p{}", ranks)));
    const Outcome outcome = run(ranks, with_out);
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_EQ(count(outcome.out, "Wrote to"), 1);
    for (const std::string& name : generated_files)
      EXPECT_EQ(
          read_file(path(fmt::format("p1/{}", name))) == read_file(path(fmt::format("p{}/{}", ranks, name))),
          true)
          << name << " on " << ranks;
  }
}

TEST_F(CliGenerate, AnotherSeedGivesOtherInputs) {
  generate("p", {"--seed", "1"});
  generate("q", {"--seed", "2"});
  EXPECT_NE(read_file(path("p/a1.npy")), read_file(path("q/a1.npy")));
  EXPECT_NE(read_file(path("p/x_true.npy")), read_file(path("q/x_true.npy")));
}

TEST_F(CliGenerate, MoreRanksThanRows) {
  const Outcome outcome = run(4, {"generate", "--rows", "2", "--width", "1", "--out", path("p")});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(read_npy_doubles(path("p/a1.npy")).size(), 2U);
}

TEST_F(CliGenerate, MoreThanTheMemoryHoldsIsRefused) {
  for (const int ranks : {1, 2, 4})
    expect_error(run(ranks, {"generate", "--rows", "100000000000", "--width", "500", "--out", path("p")}), 5,
                 {"out of memory", "GiB a rank"}, path("p"));
}

TEST_F(CliGenerate, AFolderThatCannotBeMade) {
  write_file(path("file"), "");
  for (const int ranks : {1, 2, 4})
    expect_error(run(ranks, {"generate", "--out", path("file/p")}), 6, {path("file/p")});
}

class CliSolve : public PlantedAttention {};

TEST_F(CliSolve, AnyRankCountFindsThePlantedWeightsAlike) {
  for (const int ranks : {1, 2, 3, 4}) {
    const std::string out = fmt::format("r{}", ranks);
    const Outcome outcome = run(ranks, near_start(out));
    ASSERT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
    EXPECT_EQ(count(outcome.out, "Converged after"), 1);
    EXPECT_EQ(count(outcome.out, "Against the reference"), 1);
    const Json json = result(out);
    EXPECT_EQ(json["status"], "converged");
    EXPECT_EQ(json["ranks"], ranks);
    EXPECT_LT(json["relative_residual"], 1e-4);
    EXPECT_LT(json["reference"]["logit_error"], 1e-3);
    expect_close(json["loss"], result("r1")["loss"], 1e-10);
    EXPECT_EQ(json["iterations"], result("r1")["iterations"]);
  }
}

TEST_F(CliSolve, TheFolderHoldsEverything) {
  ASSERT_EQ(run(2, near_start("out")).exit_code, 0);
  for (const char* name : {"x.npy", "y.npy", "result.json", "iterations.jsonl", "effective.ini"})
    EXPECT_TRUE(std::filesystem::exists(path(fmt::format("out/{}", name)))) << name;
  EXPECT_EQ(read_npy_doubles(path("out/x.npy")).size(), 16U);
  EXPECT_EQ(read_npy_doubles(path("out/y.npy")).size(), 12U);

  const Json json = result("out");
  for (const char* key :
       {"status", "reason", "problem", "iterations", "loss", "data_loss", "relative_residual", "initial_loss",
        "gradient_norm", "initial_gradient_norm", "seconds", "peak_memory_bytes", "ranks", "threads_per_rank",
        "options", "timing", "provenance", "reference"})
    EXPECT_TRUE(json.contains(key)) << key;
  for (const char* key : {"version", "git_commit", "compiler", "build_type", "mpi", "blas", "hosts",
                          "utc_time", "command", "seed", "inputs"})
    EXPECT_TRUE(json["provenance"].contains(key)) << key;
  EXPECT_TRUE(json["provenance"]["inputs"].contains("a1"));
  EXPECT_GT(json["peak_memory_bytes"], 1 << 20);
  EXPECT_TRUE(json["options"]["given"].contains("init"));
  EXPECT_FALSE(json["options"]["given"].contains("tolerance"));
  EXPECT_TRUE(json["options"]["used"].contains("tolerance"));

  const std::string log = read_file(path("out/iterations.jsonl"));
  EXPECT_EQ(count(log, "\n"), json["iterations"].get<int>() + 1);
}

TEST_F(CliSolve, EffectiveIniRunsItAgain) {
  ASSERT_EQ(run(2, near_start("first", {"--tolerance", "1e-9"})).exit_code, 0);
  ASSERT_EQ(run(2, {"solve", "--config", path("first/effective.ini"), "--out", path("again")}).exit_code, 0);
  for (const char* key : {"loss", "iterations", "gradient_norm"})
    EXPECT_EQ(result("again")[key], result("first")[key]) << key;
  EXPECT_EQ(read_file(path("again/x.npy")) == read_file(path("first/x.npy")), true);
  EXPECT_EQ(result("again")["options"]["used"]["tolerance"], 1e-9);
}

TEST_F(CliSolve, TheCommandLineWinsOverTheFile) {
  const Outcome outcome = run(1, near_start("out", {"--ridge", "0.5", "--causal=false"}));
  EXPECT_EQ(result("out")["options"]["used"]["ridge"], 0.5) << outcome.err;
  EXPECT_EQ(result("out")["options"]["used"]["causal"], false);
}

TEST_F(CliSolve, JointVariablesAndGaussNewtonReachTheSameLoss) {
  ASSERT_EQ(run(2, near_start("projected")).exit_code, 0);
  ASSERT_EQ(run(2, near_start("joint", {"--variables", "joint", "--max-iterations", "300"})).exit_code, 0);
  ASSERT_EQ(run(2, near_start("gn", {"--method", "newton", "--hessian", "gauss-newton"})).exit_code, 0);
  expect_close(result("joint")["loss"], result("projected")["loss"], 1e-6);
  expect_close(result("gn")["loss"], result("projected")["loss"], 1e-6);
}

TEST_F(CliSolve, MixedPrecisionReachesTheSameMinimum) {
  ASSERT_EQ(run(2, near_start("double")).exit_code, 0);
  for (const int ranks : {1, 2, 4}) {
    ASSERT_EQ(run(ranks, near_start("mixed", {"--precision", "mixed"})).exit_code, 0);
    expect_close(result("mixed")["loss"], result("double")["loss"], 1e-9);
    EXPECT_LE(result("mixed")["gradient_norm"].get<double>(),
              1e-8 * result("mixed")["initial_gradient_norm"].get<double>());
    EXPECT_GE(count(read_file(path("mixed/iterations.jsonl")), "\"hessian_precision\":\"mixed\""), 1);
  }
  EXPECT_EQ(count(read_file(path("double/iterations.jsonl")), "mixed"), 0);
}

TEST_F(CliSolve, KeysAndValuesGivenAsCopiesAreTheSameProblem) {
  std::filesystem::copy_file(problem_ + "/a1.npy", path("copy.npy"));
  ASSERT_EQ(run(2, near_start("shared", {"--max-iterations", "2"})).exit_code, 4);
  ASSERT_EQ(run(2, near_start("copied", {"--max-iterations", "2", "--a2", problem_ + "/a1.npy", "--a3",
                                         path("copy.npy")}))
                .exit_code,
            4);
  expect_close(result("copied")["loss"], result("shared")["loss"], 1e-9);
}

TEST_F(CliSolve, WeightsAsANumberOrAFileAreTheSame) {
  write_npy_doubles(path("w.npy"), 60, 1, std::vector<double>(60, 0.01));
  const Outcome number = run(2, near_start("number", {"--ridge", "0", "--weights", "0.01"}));
  ASSERT_EQ(number.exit_code, 0) << number.err;
  ASSERT_EQ(run(3, near_start("file", {"--ridge", "0", "--weights", path("w.npy")})).exit_code, 0);
  expect_close(result("number")["loss"], result("file")["loss"], 1e-10);
}

TEST_F(CliSolve, StoppedEarlyItStillWritesTheBestPoint) {
  const Outcome outcome = run(2, near_start("out", {"--max-iterations", "1", "--quiet"}));
  EXPECT_EQ(outcome.exit_code, 4);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(result("out")["status"], "max_iterations");
  EXPECT_TRUE(std::filesystem::exists(path("out/x.npy")));
  EXPECT_EQ(run(2, near_start("late", {"--time-limit", "0"})).exit_code, 4);
  EXPECT_EQ(result("late")["status"], "time_limit");
}

TEST_F(CliSolve, StartsByRuleAreTheSameOnAnyRanks) {
  for (const char* rule : {"zero", "random", "least-squares"}) {
    for (const char* variables : {"projected", "joint"}) {
      const Words more = {"--init", rule, "--variables", variables, "--max-iterations", "1"};
      Words words = {"solve", "--config", problem_ + "/solve.ini"};
      words.insert(words.end(), more.begin(), more.end());
      for (const int ranks : {1, 3}) {
        Words with_out = words;
        with_out.insert(with_out.end(), {"--out", path(fmt::format("r{}", ranks))});
        ASSERT_EQ(run(ranks, with_out).exit_code, 4) << rule;
      }
      expect_close(result("r3")["initial_loss"], result("r1")["initial_loss"], 1e-10);
      expect_close(result("r3")["loss"], result("r1")["loss"], 1e-8);
    }
  }
}

TEST_F(CliSolve, APointOutsideTheDomainIsANumericalFailure) {
  write_npy_doubles(path("huge.npy"), 4, 4, std::vector<double>(16, 1e300));
  Words words = near_start("out", {"--quiet"});
  words[4] = path("huge.npy");
  for (const int ranks : {1, 2, 4}) expect_error(run(ranks, words), 5, {"not finite at the start"});
}

TEST_F(CliSolve, AHessianBeyondTheMemoryIsRefusedBeforeAnythingIsWritten) {
  ASSERT_EQ(run(1, {"generate", "--rows", "20", "--width", "600", "--out", path("wide")}).exit_code, 0);
  for (const int ranks : {1, 2, 4})
    expect_error(run(ranks, {"solve", "--config", path("wide/solve.ini"), "--out", path("out")}), 5,
                 {"out of memory", "GiB a rank"}, path("out"));
}

TEST_F(CliSolve, AnUnwritableLogIsFoundBeforeTheSolve) {
  std::filesystem::create_directories(path("out/iterations.jsonl"));
  for (const int ranks : {1, 2})
    expect_error(run(ranks, near_start("out")), 6, {path("out/iterations.jsonl"), "Is a directory"});
}

TEST_F(CliSolve, MoreThreadsThanCoresAreWarnedOfOnce) {
  const Outcome outcome = run(2, near_start("out", {"--threads", "64"}));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(count(outcome.err, "attnewton: warning: "), 1) << outcome.err;
  EXPECT_EQ(result("out")["threads_per_rank"], 64);
}

class CliCheck : public CliTest {};

TEST_F(CliCheck, DerivativesAgreeWithDifferences) {
  const std::string problem = generate("problem");
  for (const char* variables : {"projected", "joint"}) {
    for (const int ranks : {1, 3}) {
      const Outcome outcome = run(ranks, {"check", "--a1", problem + "/a1.npy", "--b", problem + "/b.npy",
                                          "--offsets", problem + "/offsets.npy", "--causal", "--ridge",
                                          "1e-3", "--variables", variables, "--directions", "3"});
      EXPECT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
      for (const char* line : {"gradient ", "Hessian-vector product ", "assembled Hessian "})
        EXPECT_EQ(count(outcome.out, line), 1) << outcome.out;
    }
  }
}

TEST_F(CliCheck, MixedPrecisionShowsItsRounding) {
  const std::string problem = generate("problem");
  const Words words = {"check",   "--a1", problem + "/a1.npy", "--b",   problem + "/b.npy",
                       "--ridge", "1e-3", "--precision",       "mixed", "--tolerance"};
  for (const auto& [tolerance, exit_code] : {std::pair{"1e-4", 0}, {"0", 0}, {"1e-9", 5}}) {
    Words with_tolerance = words;
    with_tolerance.emplace_back(tolerance);
    EXPECT_EQ(run(2, with_tolerance).exit_code, exit_code) << tolerance;
  }
}

TEST_F(CliCheck, AnErrorAboveTheToleranceExitsWithFive) {
  const std::string problem = generate("problem");
  for (const int ranks : {1, 2, 4}) {
    const Outcome outcome = run(ranks, {"check", "--a1", problem + "/a1.npy", "--b", problem + "/b.npy",
                                        "--ridge", "1e-3", "--tolerance", "1e-17", "--directions", "2"});
    EXPECT_EQ(outcome.exit_code, 5);
    EXPECT_EQ(count(outcome.out, "FAILED"), 1) << outcome.out;
  }
}

}  // namespace
}  // namespace attnewton::cli
