// The regressions by every method, with every Hessian that they have.
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "planted_attention.hpp"

namespace attnewton::cli {
namespace {

struct Regression {
  std::string name;
  Words generate;
  std::int64_t rows;  // of X
  std::int64_t columns;
  Words hessians;
};

const std::vector<Regression>& regressions() {
  static const std::vector<Regression> all = {
      {"regression",
       {"--rows", "400", "--width", "6", "--logit-scale", "1"},
       6,
       1,
       {"exact", "gauss-newton", "sampled"}},
      {"two-layer",
       {"--rows", "200", "--width", "4", "--output-width", "30", "--activation", "tanh", "--logit-scale",
        "1"},
       4,
       1,
       {"exact", "gauss-newton"}},
      {"multi-softmax", {"--rows", "90", "--keys", "40", "--width", "3"}, 3, 3, {"exact", "gauss-newton"}},
  };
  return all;
}

class CliMethodOfRegression : public CliTest, public testing::WithParamInterface<std::size_t> {
 protected:
  const Regression& kind() const { return regressions().at(GetParam()); }
  void SetUp() override {
    CliTest::SetUp();
    const Outcome outcome =
        run(2, joined({"generate", "--problem", kind().name, "--noise", "0.02", "--out", path("problem")},
                      kind().generate));
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    write_perturbed(path("problem/x_true.npy"), path("start.npy"), kind().rows, kind().columns);
  }
  Json solve(int ranks, const Words& more) const {
    const Words words = {"solve", "--config",  path("problem/solve.ini"), "--init", path("start.npy"),
                         "--out", path("out"), "--max-iterations",        "3000"};
    const Outcome outcome = run(ranks, joined(words, more));
    EXPECT_EQ(outcome.exit_code, 0) << fmt::format("{}", fmt::join(more, " ")) << outcome.out << outcome.err;
    return Json::parse(read_file(path("out/result.json")));
  }
};

TEST_P(CliMethodOfRegression, EachReachesTheSameMinimum) {
  std::vector<Words> ways = {{"--method", "auto"},
                             {"--method", "lbfgs"},
                             {"--method", "newton-cg"},
                             {"--method", "newton-cg", "--preconditioner", "none"}};
  for (const std::string& hessian : kind().hessians) {
    ways.push_back({"--method", "newton", "--hessian", hessian});
    ways.push_back({"--method", "newton-cg", "--preconditioner", hessian});
  }
  const double loss = solve(1, {"--method", "newton"})["loss"];
  for (const Words& way : ways) {
    for (const int ranks : {1, 2, 4}) {
      SCOPED_TRACE(fmt::format("{} on {}", fmt::join(way, " "), ranks));
      const Json found = solve(ranks, way);
      EXPECT_LE(found["gradient_norm"].get<double>(), 1e-8 * found["initial_gradient_norm"].get<double>());
      expect_close(found["loss"], loss, 1e-9);
    }
  }
}

TEST_P(CliMethodOfRegression, OptionsAreThoseInUse) {
  const Json used = solve(1, {"--method", "auto"})["options"]["used"];
  for (const char* other : {"sampling", "sampled-form", "precision", "preconditioner", "hessian"})
    EXPECT_FALSE(used.contains(other)) << other;
  EXPECT_EQ(solve(1, {"--method", "newton-cg"})["options"]["used"]["preconditioner"], "exact");
  EXPECT_EQ(solve(1, {"--method", "lbfgs"})["options"]["used"]["preconditioner"], "none");
}

INSTANTIATE_TEST_SUITE_P(CliMethod, CliMethodOfRegression,
                         testing::Range<std::size_t>(0, regressions().size()));

}  // namespace
}  // namespace attnewton::cli
