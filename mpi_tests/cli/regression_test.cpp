// generate, solve and check of the regressions: every kind, the formats, the domains.
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "planted_attention.hpp"

namespace attnewton::cli {
namespace {

// A planted problem without noise in folder "problem", made and solved on any ranks.
class CliRegression : public CliTest {
 protected:
  void plant(const Words& more, const std::string& folder = "problem") const {
    const Outcome outcome = run(2, joined({"generate", "--out", path(folder)}, more));
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  }
  // Solves the planted problem and returns its result.
  Json solve(int ranks, const Words& more = {}) const {
    const std::string out = path(fmt::format("out{}", ranks));
    const Outcome outcome =
        run(ranks, joined({"solve", "--config", path("problem/solve.ini"), "--out", out}, more));
    EXPECT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
    if (outcome.exit_code != 0) return {};
    return Json::parse(read_file(out + "/result.json"));
  }
  // The same iterations and the same solution on 1, 2 and 4 ranks, within `error` of the planted one.
  void expect_planted_point(const Words& generate, double error, const Words& more = {}) const {
    plant(generate);
    const Json alone = solve(1, more);
    EXPECT_LT(alone["reference"]["x_error"].get<double>(), error);
    for (const int ranks : {2, 4}) {
      const Json result = solve(ranks, more);
      EXPECT_EQ(result["iterations"], alone["iterations"]) << ranks;
      EXPECT_LT(result["reference"]["x_error"].get<double>(), error) << ranks;
      EXPECT_EQ(result["ranks"].get<int>(), ranks);
    }
  }
};

TEST_F(CliRegression, SoftmaxOfExp) {
  expect_planted_point({"--problem", "regression", "--rows", "400", "--width", "6"}, 1e-6);
}

TEST_F(CliRegression, RescaledExp) {
  expect_planted_point({"--problem", "regression", "--rows", "300", "--width", "5", "--normalisation",
                        "rescaled", "--logit-scale", "1"},
                       1e-6);
}

TEST_F(CliRegression, PowerOfSparseRows) {
  expect_planted_point({"--problem", "regression", "--rows", "500", "--width", "12", "--density", "0.3",
                        "--link", "power:3", "--normalisation", "none"},
                       1e-6, {"--init", path("problem/x_true.npy")});
  EXPECT_TRUE(std::filesystem::exists(path("problem/a.libsvm")));
  EXPECT_FALSE(std::filesystem::exists(path("problem/b.npy")));
}

TEST_F(CliRegression, IdentityStartsWhereItsSumIsNotZero) {
  plant({"--problem", "regression", "--rows", "50", "--width", "3", "--link", "identity"});
  EXPECT_LT(solve(2)["relative_residual"].get<double>(), 1e-6);
}

TEST_F(CliRegression, TwoLayer) {
  expect_planted_point({"--problem", "two-layer", "--rows", "200", "--width", "4", "--output-width", "30",
                        "--activation", "tanh", "--logit-scale", "1"},
                       1e-6);
}

TEST_F(CliRegression, MultiSoftmax) {
  expect_planted_point({"--problem", "multi-softmax", "--rows", "90", "--keys", "40", "--width", "3"}, 1e-6);
}

TEST_F(CliRegression, GaussNewtonAndSampledHessians) {
  plant({"--problem", "regression", "--rows", "3000", "--width", "4"});
  EXPECT_LT(
      solve(2, {"--method", "newton", "--hessian", "gauss-newton"})["reference"]["x_error"].get<double>(),
      1e-6);
  for (const char* rule : {"uniform", "norm", "leverage"}) {
    const Words words = {"--method",   "newton", "--hessian",     "sampled",
                         "--sampling", rule,     "--sketch-rows", "600"};
    const Json result = solve(2, words);
    EXPECT_LT(result["reference"]["x_error"].get<double>(), 1e-6) << rule;
    EXPECT_EQ(solve(4, words)["iterations"], result["iterations"]) << rule;
  }
}

// One table in every format, the target being one of its columns or its labels.
class CliFormats : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    std::string csv = "height,weight,age\n";
    std::string svm;
    std::string mtx = "%%MatrixMarket matrix array real general\n40 2\n";
    std::vector<double> all;
    std::vector<double> target;
    for (int i = 0; i < 40; ++i) {
      const double a = std::sin(0.7 * i);
      const double b = 1000 + 30 * std::cos(1.3 * i);
      const double t = 2 * a - 0.01 * b + 0.1 * std::sin(9.0 * i);
      csv += fmt::format("{},{},{}\n", a, t, b);
      svm += fmt::format("{} 1:{} 2:{}\n", t, a, b);
      all.insert(all.end(), {a, t, b});
      target.push_back(t);
    }
    for (int column : {0, 2}) {
      for (std::size_t i = 0; i < 40; ++i)
        mtx += fmt::format("{}\n", all[3 * i + static_cast<std::size_t>(column)]);
    }
    write_file(path("t.csv"), csv);
    write_file(path("t.svm"), svm);
    write_file(path("t.mtx"), mtx);
    write_npy_doubles(path("t.npy"), 40, 3, all);
    write_npy_doubles(path("b.npy"), 40, 1, target);
  }
  std::vector<double> fitted(int ranks, const Words& more) const {
    const Outcome outcome =
        run(ranks, joined({"solve", "--problem", "regression", "--link", "identity", "--normalisation",
                           "none", "--tolerance", "1e-12", "--out", path("out")},
                          more));
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return outcome.exit_code == 0 ? read_npy_doubles(path("out/x.npy")) : std::vector<double>();
  }
};

TEST_F(CliFormats, TheSameTableInEveryFormat) {
  const std::vector<double> expected = fitted(1, {"--a", path("t.npy"), "--target-column", "1"});
  ASSERT_EQ(expected.size(), 2U);
  EXPECT_NEAR(expected[0], 2, 0.1);
  EXPECT_NEAR(expected[1], -0.01, 0.001);
  const std::vector<Words> same = {{"--a", path("t.csv"), "--target-column", "weight"},
                                   {"--a", path("t.csv"), "--target-column", "-2"},
                                   {"--a", path("t.svm")},
                                   {"--a", path("t.mtx"), "--b", path("b.npy")}};
  for (const Words& words : same) {
    for (const int ranks : {1, 2, 4}) {
      const std::vector<double> x = fitted(ranks, words);
      ASSERT_EQ(x.size(), 2U) << words[1];
      EXPECT_NEAR(x[0], expected[0], 1e-9) << words[1];
      EXPECT_NEAR(x[1], expected[1], 1e-11) << words[1];
    }
  }
}

TEST_F(CliFormats, ZScoresAreStoredWithTheResult) {
  const std::vector<double> x =
      fitted(2, {"--a", path("t.csv"), "--target-column", "weight", "--standardise", "--append-ones"});
  ASSERT_EQ(x.size(), 3U);
  const std::vector<double> columns = read_npy_doubles(path("out/standardisation.npy"));
  ASSERT_EQ(columns.size(), 4U);  // means, then deviations
  EXPECT_NEAR(columns[1], 1000, 5);
  EXPECT_NEAR(columns[3], 30 / std::sqrt(2.0), 3);
  // In the file's own units: with an intercept the slope is that of the data.
  EXPECT_NEAR(x[1] / columns[3], -0.01, 0.003);
}

TEST_F(CliFormats, AnEarlierStandardisationDoesNotStay) {
  fitted(1, {"--a", path("t.csv"), "--target-column", "weight", "--standardise"});
  EXPECT_TRUE(std::filesystem::exists(path("out/standardisation.npy")));
  fitted(1, {"--a", path("t.csv"), "--target-column", "weight"});
  EXPECT_FALSE(std::filesystem::exists(path("out/standardisation.npy")));
}

// Text files are shared out by bytes, so that the same rows in other words fall to other ranks.
TEST_F(CliFormats, AMovedTableIsDealtOutAsTheFirst) {
  std::string moved = "height,weight,age\n";
  for (int i = 0; i < 40; ++i)
    moved += fmt::format("{:.{}f},0,{}\n", std::sin(0.7 * i), i < 20 ? 15 : 2, 1000 + 30 * std::cos(1.3 * i));
  write_file(path("moved.csv"), moved);
  write_npy_doubles(path("x.npy"), 2, 1, {1, 0.001});
  std::string first;
  for (const int ranks : {1, 3, 4}) {
    const Outcome outcome =
        run(ranks, {"check", "--certificate", "--problem", "regression", "--link", "identity",
                    "--normalisation", "none", "--a", path("t.csv"), "--target-column", "weight", "--at",
                    path("x.npy"), "--shift-a", path("moved.csv")});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    const std::size_t at = outcome.out.find("left side");
    const std::string left = outcome.out.substr(at, outcome.out.find('\n', at) - at);
    if (first.empty()) first = left;
    EXPECT_EQ(left, first) << ranks;
  }
}

TEST_F(CliFormats, WhatCannotBeMeantIsRefused) {
  const auto expect_failure = [&](int exit_code, const Words& words, const Words& parts) {
    for (const int ranks : {1, 2, 4})
      expect_error(run(ranks, joined({"solve", "--problem", "regression", "--out", path("out")}, words)),
                   exit_code, parts, path("out"));
  };
  expect_failure(2, {}, {"--a FILE is missing"});
  expect_failure(2, {"--a", path("t.npy")}, {"no target", "--target-column"});
  expect_failure(2, {"--a", path("t.npy"), "--b", path("b.npy"), "--target-column", "1"}, {"contradict"});
  expect_failure(2, {"--a", path("t.npy"), "--b", path("b.npy"), "--causal"},
                 {"--causal", "--problem attention"});
  expect_failure(2, {"--a", path("t.svm"), "--standardise"}, {"--standardise", "sparse", path("t.svm")});
  expect_failure(2, {"--a", path("t.npy"), "--b", path("b.npy"), "--sampling", "norm"},
                 {"--sampling", "a sampled Hessian"});
  expect_failure(2, {"--a", path("t.npy"), "--b", path("b.npy"), "--init", "least-squares"},
                 {"least-squares"});
  expect_failure(3, {"--a", path("t.csv"), "--target-column", "wait"},
                 {path("t.csv"), "'wait'", "height, weight, age"});
  expect_failure(3, {"--a", path("t.npy"), "--b", path("t.npy")}, {path("t.npy"), "b has 3 columns"});
  expect_failure(3, {"--a", path("t.xls"), "--target-column", "0"}, {path("t.xls"), ".npy, .csv"});
  write_npy_doubles(path("short.npy"), 39, 1, std::vector<double>(39, 1));
  expect_failure(3, {"--a", path("t.npy"), "--b", path("short.npy")},
                 {path("short.npy"), "b has 39 rows", path("t.npy"), "40"});
}

// Rows whose scores leave the domain of a link, at the start and on the way.
class CliDomain : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    std::vector<double> a;
    for (int i = 0; i < 20; ++i) a.insert(a.end(), {1, i == 13 ? -5.0 : 0.1 * i});
    write_npy_doubles(path("a.npy"), 20, 2, a);
    write_npy_doubles(path("b.npy"), 20, 1, std::vector<double>(20, 0.05));
    write_npy_doubles(path("one.npy"), 2, 1, {1, 1});
    write_npy_doubles(path("far.npy"), 2, 1, {0, -1000});
  }
  void expect_failure(const Words& words, const Words& parts) const {
    const Words base = {"solve", "--problem",   "regression", "--a",      path("a.npy"),
                        "--b",   path("b.npy"), "--out",      path("out")};
    for (const int ranks : {1, 2, 4}) {
      const Outcome outcome = run(ranks, joined(base, words));
      EXPECT_EQ(outcome.exit_code, 5) << outcome.out << outcome.err;
      for (const std::string& part : parts) EXPECT_EQ(count(outcome.err, part) > 0, true) << outcome.err;
    }
  }
};

TEST_F(CliDomain, AStartOutsideNamesItsRow) {
  expect_failure({"--link", "exp", "--normalisation", "none", "--init", path("far.npy")},
                 {"row 13", "5000", "overflows"});
  expect_failure({"--link", "power:0.5", "--normalisation", "rescaled", "--init", path("one.npy")},
                 {"row 13", "-4", "negative"});
  expect_failure({"--link", "sinh", "--normalisation", "softmax", "--init", "zero"}, {"sinh(z)", "is 0"});
}

TEST_F(CliDomain, SoftmaxIsShifted) {
  const Outcome outcome = run(2, {"check", "--problem", "regression", "--a", path("a.npy"), "--b",
                                  path("b.npy"), "--at", path("one.npy"), "--scale", "2"});
  EXPECT_EQ(outcome.exit_code, 2) << outcome.out;  // --scale is not a regression's
  write_npy_doubles(path("shifted.npy"), 2, 1, {900, 1});
  EXPECT_EQ(run(2, {"check", "--problem", "regression", "--a", path("a.npy"), "--b", path("b.npy"), "--at",
                    path("shifted.npy"), "--step", "1e-6"})
                .exit_code,
            0);
}

TEST_F(CliDomain, AStepThatLeavesTheDomainIsRejected) {
  // From 0 the first full Newton step of exp without normalisation goes far beyond what exp holds.
  write_npy_doubles(path("b.npy"), 20, 1, std::vector<double>(20, 1e6));
  const Outcome outcome = run(2, {"solve", "--problem", "regression", "--a", path("a.npy"), "--b",
                                  path("b.npy"), "--link", "exp", "--normalisation", "none", "--init", "zero",
                                  "--initial-shift", "0", "--max-iterations", "200", "--out", path("out")});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
  bool rejected = false;
  const std::string log = read_file(path("out/iterations.jsonl"));
  for (std::size_t at = 0; at < log.size();) {
    const std::size_t end = log.find('\n', at);
    const Json line = Json::parse(log.substr(at, end - at));
    rejected = rejected || line["trials"].get<int>() > 1;
    at = end + 1;
  }
  EXPECT_TRUE(rejected);
}

class CliCertificate : public CliRegression {};

TEST_F(CliCertificate, SaysTheSameOnAnyRanks) {
  plant({"--problem", "regression", "--rows", "300", "--width", "4", "--noise", "0.1"});
  const Words words = {"check",
                       "--problem",
                       "regression",
                       "--a",
                       path("problem/a.npy"),
                       "--b",
                       path("problem/b.npy"),
                       "--ridge",
                       "1e-3",
                       "--at",
                       path("problem/x_true.npy"),
                       "--certificate"};
  std::string first;
  for (const int ranks : {1, 2, 4}) {
    const Outcome outcome = run(ranks, words);
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    for (const char* part : {"λ_min", "λ_max", "l = ", "papers' M", "sharp M", "good", "w² = ", "ε₀ = 0",
                             "2-norm factor", "H-norm factor", "closed form", "measured at θ*"})
      EXPECT_EQ(count(outcome.out, part) > 0, true) << part << "\n" << outcome.out;
    // Eigenvalues, l, M and the first steps' figures to the digits that are printed.
    const std::string head = outcome.out.substr(0, outcome.out.find("Undamped"));
    if (first.empty()) first = head.substr(head.find("l = "), head.find("Weights") - head.find("l = "));
    EXPECT_EQ(count(outcome.out, first), 1) << outcome.out;
  }
}

TEST_F(CliCertificate, OfASampledHessianAndWithShifts) {
  plant({"--problem", "regression", "--rows", "2000", "--width", "3", "--noise", "0.1"});
  plant({"--problem", "regression", "--rows", "2000", "--width", "3", "--seed", "2"}, "moved");
  const Outcome outcome =
      run(2, {"check", "--problem", "regression", "--a", path("problem/a.npy"), "--b", path("problem/b.npy"),
              "--at", path("problem/x_true.npy"), "--certificate", "--hessian", "sampled", "--sketch-rows",
              "500", "--shift-a", path("moved/a.npy"), "--shift-x", path("moved/x_true.npy")});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(count(outcome.out, "In-context shift of"), 2);
  EXPECT_EQ(count(outcome.out, "left side"), 2);
  EXPECT_EQ(count(outcome.out, "sampled Hessian, ε₀ = 0."), 1) << outcome.out;
}

TEST_F(CliCertificate, ItsOptionsNeedIt) {
  for (const Words& words :
       {Words{"--epsilon", "0.2"}, Words{"--hessian", "exact"}, Words{"--shift-x", "x.npy"}})
    expect_error(run(1, joined({"check", "--problem", "regression", "--a", "a.npy", "--b", "b.npy"}, words)),
                 2, {words.front(), "--certificate"});
  expect_error(run(1, {"check", "--a1", "a.npy", "--b", "b.npy", "--certificate", "--directions", "3"}), 2,
               {"--directions"});
}

}  // namespace
}  // namespace attnewton::cli
