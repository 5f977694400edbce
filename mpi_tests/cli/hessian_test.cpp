// solve --hessian, --preconditioner and what goes with them, on a planted attention problem.
#include <string>
#include <tuple>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "planted_attention.hpp"

namespace attnewton::cli {
namespace {

class CliHessian : public PlantedAttention {
 protected:
  Json solve(int ranks, const Words& more) const {
    const Outcome outcome =
        run(ranks, near_start("out", joined({"--ridge", "1e-3", "--max-iterations", "3000"}, more)));
    EXPECT_EQ(outcome.exit_code, 0) << ranks << " ranks\n" << outcome.out << outcome.err;
    return result("out");
  }
  // The words lead to the minimum on 1, 2 and 4 ranks.
  void expect_minimum(const Words& words, double tolerance = 1e-8) const {
    const double loss = solve(1, {"--method", "newton"})["loss"];
    for (const int ranks : {1, 2, 4}) {
      const Json found = solve(ranks, joined(words, {"--tolerance", fmt::format("{}", tolerance)}));
      EXPECT_LE(found["gradient_norm"].get<double>(),
                tolerance * found["initial_gradient_norm"].get<double>());
      expect_close(found["loss"], loss, 1e-9);
    }
  }
};

class CliHessianKind : public CliHessian, public testing::WithParamInterface<const char*> {};

TEST_P(CliHessianKind, LeadsNewtonToTheMinimum) {
  // By steps of the Kronecker product the gradient falls so slowly that its last digits pass for rounding.
  const bool is_slow = std::string(GetParam()) == "kronecker";
  expect_minimum({"--method", "newton", "--hessian", GetParam()}, is_slow ? 1e-7 : 1e-8);
}

// The names of a parameter that a test's name can hold.
std::string test_name(const testing::TestParamInfo<const char*>& test) {
  std::string name;
  for (const char c : std::string(test.param)) {
    if (c != '-') name += c;
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(CliHessian, CliHessianKind,
                         testing::Values("exact", "gauss-newton", "sampled", "tensor-srht", "tensor-sparse",
                                         "kronecker"),
                         test_name);

class CliPreconditionerKind : public CliHessian, public testing::WithParamInterface<const char*> {};

TEST_P(CliPreconditionerKind, LeadsConjugateGradientsToTheMinimum) {
  expect_minimum({"--method", "newton-cg", "--preconditioner", GetParam()});
}

TEST_P(CliPreconditionerKind, ServesJointVariables) {
  expect_minimum({"--method", "newton-cg", "--variables", "joint", "--preconditioner", GetParam()});
}

INSTANTIATE_TEST_SUITE_P(CliPreconditioner, CliPreconditionerKind,
                         testing::Values("auto", "exact", "gauss-newton", "sampled", "tensor-srht",
                                         "tensor-sparse", "kronecker", "none"),
                         test_name);

class CliPreconditioner : public CliHessian {};

TEST_F(CliPreconditioner, OfYAloneServesJointVariables) {
  expect_minimum({"--method", "newton-cg", "--variables", "joint", "--preconditioner", "y-block"});
}

TEST_F(CliPreconditioner, IsTheMetricOfLbfgs) {
  for (const char* metric : {"kronecker", "none"})
    expect_minimum({"--method", "lbfgs", "--preconditioner", metric});
}

TEST_F(CliPreconditioner, IsMadeAsOftenAsAsked) {
  const auto factorisations = [&](const char* keep) {
    solve(2, {"--method", "newton-cg", "--preconditioner", "exact", "--keep-preconditioner", keep});
    std::vector<int> steps_with_one;
    const std::vector<Json> records = iterations_in(path("out"));
    for (std::size_t k = 1; k < records.size(); ++k) {
      if (records[k]["factorisations"] > 0) steps_with_one.push_back(static_cast<int>(k));
    }
    return std::pair(steps_with_one.size(), records.size() - 1);
  };
  const auto [of_one, steps] = factorisations("1");
  EXPECT_EQ(of_one, steps);
  const auto [of_many, more_steps] = factorisations("1000");
  EXPECT_LT(of_many, more_steps);
}

TEST_F(CliHessian, RowsOfASketchAreANumberOrAuto) {
  for (const char* kind : {"sampled", "tensor-srht", "tensor-sparse"}) {
    const Words words = {"--method", "newton", "--hessian", kind, "--sketch-rows"};
    const Json by_width = solve(2, joined(words, {"auto"}));
    EXPECT_FALSE(by_width["options"]["used"].contains("sketch-rows"));
    EXPECT_EQ(solve(2, {"--method", "newton", "--hessian", kind})["loss"], by_width["loss"]);
    const Json given = solve(2, joined(words, {"30"}));
    EXPECT_EQ(given["options"]["used"]["sketch-rows"], 30);
    EXPECT_NE(given["gradient_norm"], by_width["gradient_norm"]) << kind;
    expect_close(given["loss"], by_width["loss"], 1e-9);
  }
}

TEST_F(CliHessian, WhatASampleIsToldMatters) {
  const Words words = {"--method", "newton", "--hessian", "sampled", "--sketch-rows", "10"};
  const double by_leverage = solve(2, words)["gradient_norm"];
  for (const Words& more :
       {Words{"--sampling", "uniform"}, Words{"--sampling", "norm"}, Words{"--sampled-form", "gauss-newton"},
        Words{"--seed", "2"}, Words{"--fixed-sample"}}) {
    EXPECT_NE(solve(2, joined(words, more))["gradient_norm"], by_leverage) << more.back();
  }
}

// Kept a fixed number of steps, so that the clock decides nothing.
TEST_F(CliHessian, ASamplesFormIsGaussNewtonsWhereItPreconditions) {
  const Words newton = {"--method", "newton", "--hessian", "sampled", "--sketch-rows", "10"};
  const Words newton_cg = {"--method",      "newton-cg", "--preconditioner",      "sampled",
                           "--sketch-rows", "10",        "--keep-preconditioner", "1"};
  for (const auto& [words, form, other] :
       {std::tuple{newton, "exact", "gauss-newton"}, std::tuple{newton_cg, "gauss-newton", "exact"}}) {
    const Json by_default = solve(2, words)["gradient_norm"];
    EXPECT_EQ(solve(2, joined(words, {"--sampled-form", form}))["gradient_norm"], by_default);
    EXPECT_NE(solve(2, joined(words, {"--sampled-form", other}))["gradient_norm"], by_default);
  }
}

class CliCertificateOfSketches : public CliHessian {};

TEST_F(CliCertificateOfSketches, SaysHowFarTheHessianIs) {
  for (const auto& [kind, rows] : {std::pair{"sampled", "25"}, {"tensor-srht", "400"}}) {
    std::string first;
    for (const int ranks : {1, 3}) {
      const Outcome outcome =
          run(ranks, {"check", "--certificate", "--a1", problem_ + "/a1.npy", "--b", problem_ + "/b.npy",
                      "--offsets", problem_ + "/offsets.npy", "--causal", "--ridge", "1e-3", "--at",
                      path("start.npy"), "--hessian", kind, "--sketch-rows", rows});
      ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
      EXPECT_EQ(count(outcome.out, fmt::format("{} Hessian, ε₀ = ", kind)), 1) << outcome.out;
      const std::size_t at = outcome.out.find("ε₀ = ");
      const std::string distortion = outcome.out.substr(at, outcome.out.find('\n', at) - at);
      if (first.empty()) first = distortion;
      EXPECT_EQ(distortion, first) << kind;
    }
  }
}

}  // namespace
}  // namespace attnewton::cli
