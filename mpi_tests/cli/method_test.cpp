// solve --method on a planted attention problem: every method ends in the same minimum, on any ranks, and the
// files say what was done.
#include <filesystem>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "planted_attention.hpp"

namespace attnewton::cli {
namespace {

const Words methods = {"auto", "newton", "newton-cg", "lbfgs"};

class CliMethod : public PlantedAttention {
 protected:
  // Solves from near the solution to the tolerance, and returns the result.
  Json solve(int ranks, const std::string& method, const Words& more = {}) const {
    const Outcome outcome =
        run(ranks, near_start("out", joined({"--ridge", "1e-3", "--method", method}, more)));
    EXPECT_EQ(outcome.exit_code, 0) << method << " on " << ranks << "\n" << outcome.out << outcome.err;
    return result("out");
  }
  void expect_minimum(const Json& result, double loss) const {
    EXPECT_EQ(result["status"], "converged");
    EXPECT_LE(result["gradient_norm"].get<double>(), 1e-8 * result["initial_gradient_norm"].get<double>());
    expect_close(result["loss"], loss, 1e-9);
  }
};

TEST_F(CliMethod, EachReachesTheSameMinimumOnAnyRanks) {
  const double loss = solve(1, "newton")["loss"];
  for (const std::string& method : methods) {
    for (const int ranks : {1, 2, 4}) {
      SCOPED_TRACE(method + fmt::format(" on {}", ranks));
      expect_minimum(solve(ranks, method), loss);
    }
  }
}

TEST_F(CliMethod, EachReachesItWithJointVariables) {
  const Words joint = {"--variables", "joint"};
  const double loss = solve(1, "newton")["loss"];
  for (const std::string& method : methods) {
    for (const int ranks : {1, 3}) {
      SCOPED_TRACE(method + fmt::format(" on {}", ranks));
      expect_minimum(solve(ranks, method, joint), loss);
    }
  }
}

TEST_F(CliMethod, TheLogNamesTheMethodOfEveryStep) {
  for (const std::string method : {"newton", "newton-cg", "lbfgs"}) {
    const Json json = solve(2, method);
    EXPECT_EQ(json["last_method"], method);
    const std::vector<Json> records = iterations_in(path("out"));
    ASSERT_GT(records.size(), 1U);
    EXPECT_EQ(records.front()["method"], "");
    EXPECT_EQ(records.front()["products"], 0);
    for (std::size_t k = 1; k < records.size(); ++k) {
      EXPECT_EQ(records[k]["method"], method);
      EXPECT_EQ(records[k]["products"].get<int>() > 0, method == "newton-cg") << k;
      if (method == "newton") {
        EXPECT_GT(records[k]["factorisations"], 0) << k;
      }
      if (method == "lbfgs") {
        // Ten steps without a metric, then a new one every ten.
        EXPECT_EQ(records[k]["factorisations"], k > 10 && k % 10 == 1 ? 1 : 0) << k;
      }
    }
  }
}

TEST_F(CliMethod, TheTableHasAColumnForIt) {
  const Outcome outcome = run(2, near_start("out", {"--method", "newton-cg", "--max-iterations", "3"}));
  EXPECT_EQ(count(outcome.out, "iter     method"), 1) << outcome.out;
  EXPECT_EQ(count(outcome.out, "products"), 1) << outcome.out;
  EXPECT_EQ(count(outcome.out, "  newton-cg  "), 3) << outcome.out;
}

// The clock decides how long a preconditioner is kept, unless it is told.
TEST_F(CliMethod, EffectiveIniRunsEachAgain) {
  for (const std::string& method : methods) {
    Words more = {"--tolerance", "1e-9"};
    if (method == "newton-cg")
      more = joined(more, {"--preconditioner", "tensor-srht", "--sketch-distortion", "0.25"});
    if (method == "newton-cg" || method == "auto") more = joined(more, {"--keep-preconditioner", "2"});
    if (method == "newton") more = joined(more, {"--hessian", "sampled", "--sketch-rows", "20"});
    if (method == "lbfgs") more = joined(more, {"--lbfgs-memory", "7", "--preconditioner", "none"});
    const Json first = solve(2, method, more);
    std::filesystem::rename(path("out"), path("first"));
    const Outcome outcome =
        run(2, {"solve", "--config", path("first/effective.ini"), "--out", path("again")});
    ASSERT_EQ(outcome.exit_code, 0) << method << outcome.err;
    const Json again = result("again");
    for (const char* key : {"loss", "iterations", "gradient_norm", "last_method"})
      EXPECT_EQ(again[key], first[key]) << method << " " << key;
    EXPECT_EQ(read_file(path("again/x.npy")) == read_file(path("first/x.npy")), true) << method;
    Json before = first["options"]["used"];
    before["out"] = again["options"]["used"]["out"];
    EXPECT_EQ(again["options"]["used"], before) << method;
    std::filesystem::remove_all(path("first"));
  }
}

TEST_F(CliMethod, OptionsAreThoseInUse) {
  const auto used = [&](const std::string& method, const Words& more = {}) {
    return solve(1, method, more)["options"]["used"];
  };
  const Json lbfgs = used("lbfgs");
  EXPECT_EQ(lbfgs["preconditioner"], "kronecker");
  EXPECT_EQ(lbfgs["max-iterations"], 100000);
  for (const char* other : {"hessian", "precision", "sampling", "initial-shift", "max-products"})
    EXPECT_FALSE(lbfgs.contains(other)) << other;
  const Json newton = used("newton");
  EXPECT_EQ(newton["hessian"], "exact");
  EXPECT_EQ(newton["max-iterations"], 100);
  for (const char* other : {"preconditioner", "sampling", "lbfgs-memory", "max-products"})
    EXPECT_FALSE(newton.contains(other)) << other;
  EXPECT_EQ(used("newton", {"--hessian", "sampled"})["sampling"], "leverage");
  const Json automatic = used("auto");
  for (const char* own : {"sampling", "lbfgs-memory", "max-products", "initial-shift"})
    EXPECT_TRUE(automatic.contains(own)) << own;
  for (const char* other : {"hessian", "preconditioner"}) EXPECT_FALSE(automatic.contains(other)) << other;
}

TEST_F(CliMethod, OneThatAssemblesNothingNeedsNoMemoryForIt) {
  ASSERT_EQ(run(1, {"generate", "--rows", "20", "--width", "600", "--out", path("wide")}).exit_code, 0);
  const Words words = {"solve", "--config", path("wide/solve.ini"), "--out", path("out"), "--max-iterations",
                       "1",     "--method"};
  for (const char* method : {"auto", "newton"})
    expect_error(run(2, joined(words, {method})), 5, {"out of memory", "GiB a rank", "--method lbfgs"},
                 path("out"));
  const Outcome outcome = run(2, joined(words, {"lbfgs"}));
  EXPECT_EQ(outcome.exit_code, 4) << outcome.err;
  EXPECT_EQ(count(outcome.out, "MiB a rank"), 1) << outcome.out;
}

// Wide enough for a Hessian to cost many gradients, so that it does not begin with one.
class CliAuto : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    const Outcome outcome = run(2, {"generate", "--rows", "600", "--width", "14", "--output-width", "6",
                                    "--sequence-length", "30", "--causal", "--out", path("problem")});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  }
  Json solve(int ranks, const Words& more) const {
    const Outcome outcome =
        run(ranks,
            joined({"solve", "--config", path("problem/solve.ini"), "--ridge", "1e-3", "--out", path("out")},
                   more));
    EXPECT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
    return Json::parse(read_file(path("out/result.json")));
  }
};

TEST_F(CliAuto, BeginsWithTheCheapestStepsAndNeverGoesBack) {
  const Words order = {"lbfgs", "newton-cg", "newton"};
  for (const int ranks : {1, 2, 4}) {
    solve(ranks, {"--keep-preconditioner", "3"});
    const std::vector<Json> records = iterations_in(path("out"));
    ASSERT_GT(records.size(), 2U);
    EXPECT_EQ(records[1]["method"], "lbfgs");
    std::size_t stage = 0;
    for (std::size_t k = 1; k < records.size(); ++k) {
      while (stage < order.size() && records[k]["method"] != order[stage]) ++stage;
      ASSERT_LT(stage, order.size()) << "step " << k << " on " << ranks;
    }
  }
}

}  // namespace
}  // namespace attnewton::cli
