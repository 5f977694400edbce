// attnewton prune: tables of methods, folders, held-out inputs, patterns, a model's file, and what is
// refused.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "planted_attention.hpp"

namespace attnewton::cli {
namespace {

constexpr std::int64_t layer_width = 8;
constexpr std::int64_t layer_rows = 150;
const std::string bundled = ATTNEWTON_DATA;

std::vector<double> normals(std::int64_t count, unsigned seed, double size) {
  std::mt19937_64 engine(seed);
  std::normal_distribution<double> normal(0, size);
  std::vector<double> values(static_cast<std::size_t>(count));
  for (double& value : values) value = normal(engine);
  return values;
}

double zeros_of(const std::vector<double>& values) {
  double count = 0;
  for (const double value : values) count += value == 0 ? 1 : 0;
  return count / static_cast<double>(values.size());
}

// Two query heads of width 4 on one key head, five sequences of 30 inputs, each leaning on the one
// before.
class CliPrune : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    std::vector<double> x = normals(layer_rows * layer_width, 1, 1);
    constexpr auto columns = static_cast<std::size_t>(layer_width);
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (i % columns > 0) x[i] += 0.9 * x[i - 1];
    }
    write_npy_doubles(path("x.npy"), layer_rows, layer_width, x);
    write_npy_indices(path("o.npy"), {0, 30, 60, 90, 120, 150});
    query_ = normals(8 * layer_width, 2, 0.6);
    key_ = normals(4 * layer_width, 3, 0.6);
    write_npy_doubles(path("wq.npy"), 8, layer_width, query_);
    write_npy_doubles(path("wk.npy"), 4, layer_width, key_);
    write_npy_doubles(path("bq.npy"), 8, 1, normals(8, 4, 0.5));
  }

  Words layer() const {
    return {"prune", "--x",          path("x.npy"), "--offsets",    path("o.npy"), "--wq", path("wq.npy"),
            "--wk",  path("wk.npy"), "--bq",        path("bq.npy"), "--heads",     "2",    "--causal"};
  }
  Json pruned(int ranks, const Words& more, const std::string& out = "out") const {
    const Outcome outcome = run(ranks, joined(joined(layer(), {"--threads", "1", "--out", path(out)}), more));
    EXPECT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
    return outcome.exit_code == 0 ? Json::parse(read_file(path(out) + "/result.json")) : Json();
  }
  // A model's file with both weights as F64 and another tensor between them.
  void write_model(const std::string& name) const {
    const std::string header = R"({"a.wq":{"dtype":"F64","shape":[8,8],"data_offsets":[0,512]},)"
                               R"("other":{"dtype":"I32","shape":[2],"data_offsets":[512,520]},)"
                               R"("b.wk":{"dtype":"F64","shape":[4,8],"data_offsets":[520,776]}})";
    std::string bytes(8, '\0');
    bytes[0] = static_cast<char>(header.size());
    bytes += header;
    const auto append = [&bytes](const std::vector<double>& values) {
      std::string raw(values.size() * sizeof(double), '\0');
      std::memcpy(raw.data(), values.data(), raw.size());
      bytes += raw;
    };
    append(query_);
    bytes += "12345678";
    append(key_);
    write_file(path(name), bytes);
  }

  std::vector<double> query_;
  std::vector<double> key_;
};

TEST_F(CliPrune, ATableOfMethodsAndRatios) {
  const Json result = pruned(2, {"--method", "magnitude,wanda,sparsegpt,attention,refit", "--ratio",
                                 "0.5,0.75", "--heldout-fraction", "0.4", "--mask-iterations", "30"});
  ASSERT_EQ(result["runs"].size(), 10U);
  EXPECT_EQ(result["sizes"]["rows"], 90);
  EXPECT_EQ(result["sizes"]["heldout_rows"], 60);
  for (const Json& one : result["runs"]) {
    const std::string folder = one["folder"];
    EXPECT_TRUE(
        folder.ends_with(fmt::format("{}-{}", one["method"].get<std::string>(), one["ratio"].dump())));
    const std::vector<double> query = read_npy_doubles(folder + "/wq_pruned.npy");
    const std::vector<double> mask = read_npy_doubles(folder + "/mask_wq.npy");
    EXPECT_NEAR(zeros_of(query), one["ratio"].get<double>(), 0.04);
    EXPECT_DOUBLE_EQ(zeros_of(query), one["matrix_sparsity"][0].get<double>());
    for (std::size_t i = 0; i < query.size(); ++i) EXPECT_EQ(query[i] != 0, mask[i] == 1) << i;
    EXPECT_EQ(one["heads"]["relative_error"].size(), 2U);
    EXPECT_GT(one["relative_error_heldout"].get<double>(), 0);
  }
  // refit is last, of each ratio: the least error of all.
  for (std::size_t ratio = 0; ratio < 2; ++ratio) {
    const double refit = result["runs"][8 + ratio]["relative_error"];
    for (std::size_t method = 0; method < 4; ++method)
      EXPECT_LT(refit, 0.7 * result["runs"][2 * method + ratio]["relative_error"].get<double>());
  }
}

TEST_F(CliPrune, AnyNumberOfRanksGivesTheSame) {
  for (const char* form : {"factors", "fused"}) {
    const Words options = {"--form", form,          "--method", "wanda,sparsegpt,refit", "--heldout-fraction",
                           "0.4",    "--tolerance", "1e-6"};
    const Json alone = pruned(1, options);
    for (const int ranks : {2, 4}) {
      const Json result = pruned(ranks, options);
      for (std::size_t i = 0; i < 3; ++i) {
        for (const char* key : {"relative_error", "relative_error_heldout"}) {
          const double expected = alone["runs"][i][key];
          EXPECT_NEAR(result["runs"][i][key].get<double>(), expected, 1e-6 * expected)
              << ranks << form << key;
        }
        EXPECT_EQ(result["runs"][i]["sparsity"], alone["runs"][i]["sparsity"]);
      }
    }
  }
}

TEST_F(CliPrune, OneRunStandsAtTheTop) {
  const Json result = pruned(2, {"--pattern", "2:4", "--form", "fused"});
  EXPECT_EQ(result["method"], "refit");
  EXPECT_EQ(result["ratio"], 0.5);
  EXPECT_EQ(result["pattern"], "2:4");
  EXPECT_EQ(result["relative_error"], result["runs"][0]["relative_error"]);
  const std::vector<double> weights = read_npy_doubles(path("out/w_pruned.npy"));
  constexpr auto columns = static_cast<std::size_t>(layer_width);
  ASSERT_EQ(weights.size(), 2 * columns * columns);
  // Inputs are the rows: two of four consecutive ones of each column stay.
  for (std::size_t block = 0; block < weights.size() / (4 * columns); ++block) {
    for (std::size_t column = 0; column < columns; ++column) {
      int kept = 0;
      for (std::size_t i = 0; i < 4; ++i) kept += weights[(4 * block + i) * columns + column] != 0 ? 1 : 0;
      EXPECT_EQ(kept, 2);
    }
  }
  EXPECT_EQ(read_npy_doubles(path("out/bias.npy")).size(), 2 * columns);
}

TEST_F(CliPrune, FusedWeightsOfOneHead) {
  write_npy_doubles(path("w.npy"), layer_width, layer_width, normals(layer_width * layer_width, 5, 0.4));
  const Outcome outcome = run(2, {"prune",       "--x",
                                  path("x.npy"), "--w",
                                  path("w.npy"), "--scale",
                                  "0.3",         "--heldout",
                                  path("x.npy"), "--heldout-offsets",
                                  path("o.npy"), "--method",
                                  "attention",   "--mask-step",
                                  "lipschitz",   "--mask-iterations",
                                  "5",           "--scores",
                                  "mask",        "--out",
                                  path("out")});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json result = Json::parse(read_file(path("out/result.json")));
  EXPECT_EQ(result["form"], "fused");
  EXPECT_EQ(result["sparsity"], 0.5);
  EXPECT_EQ(result["sizes"]["heldout_sequences"], 5);
}

TEST_F(CliPrune, AModelsFileIsCopiedWithPrunedWeights) {
  write_model("m.safetensors");
  const std::string model = path("m.safetensors");
  const Outcome outcome =
      run(2, {"prune", "--x", path("x.npy"), "--wq", model + ":a.wq", "--wk", model + ":b.wk", "--heads", "2",
              "--method", "wanda", "--safetensors", path("pruned.safetensors"), "--out", path("out")});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const std::string before = read_file(model);
  const std::string after = read_file(path("pruned.safetensors"));
  ASSERT_EQ(after.size(), before.size());
  const std::size_t data = before.size() - 776;
  EXPECT_EQ(after.substr(0, data), before.substr(0, data));
  EXPECT_EQ(after.substr(data + 512, 8), "12345678");
  std::vector<double> query(64);
  std::memcpy(query.data(), after.data() + data, 512);
  EXPECT_EQ(query, read_npy_doubles(path("out/wq_pruned.npy")));
  EXPECT_DOUBLE_EQ(zeros_of(query), 0.5);
}

TEST_F(CliPrune, EffectiveOptionsRepeatTheRun) {
  const Json first = pruned(2, {"--method", "magnitude,refit", "--ratio", "0.3,0.6", "--ridge", "0.01"});
  const Outcome again = run(2, {"prune", "--config", path("out/effective.ini"), "--out", path("again")});
  ASSERT_EQ(again.exit_code, 0) << again.err;
  const Json second = Json::parse(read_file(path("again/result.json")));
  ASSERT_EQ(second["runs"].size(), 4U);
  for (std::size_t i = 0; i < 4; ++i)
    EXPECT_EQ(second["runs"][i]["relative_error"], first["runs"][i]["relative_error"]);
}

TEST_F(CliPrune, ARealLayerOnHeldOutInputs) {
  const std::string weights = bundled + "/../wordgpt_layer1/";
  const Outcome outcome = run(2,
                              {"prune",
                               "--x",
                               bundled + "/input.npy",
                               "--offsets",
                               bundled + "/offsets.npy",
                               "--wq",
                               weights + "wq.npy",
                               "--wk",
                               weights + "wk.npy",
                               "--bq",
                               weights + "bq.npy",
                               "--heads",
                               "4",
                               "--causal",
                               "--heldout-fraction",
                               "0.8",
                               "--method",
                               "magnitude,wanda,sparsegpt,refit",
                               "--search-iterations",
                               "12",
                               "--max-iterations",
                               "2",
                               "--threads",
                               "1",
                               "--out",
                               path("out")},
                              200);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json result = Json::parse(read_file(path("out/result.json")));
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_LT(result["runs"][3]["relative_error_heldout"].get<double>(),
              result["runs"][i]["relative_error_heldout"].get<double>() / 10);
}

TEST_F(CliPrune, SaysWhatIsWrong) {
  const std::string out = path("out");
  const auto refused = [&](const Words& words, int code, const Words& parts) {
    expect_error(run(2, joined(joined({"prune"}, words), {"--out", out})), code, parts, out);
  };
  const Words x = {"--x", path("x.npy"), "--offsets", path("o.npy")};
  const Words both = {"--wq", path("wq.npy"), "--wk", path("wk.npy"), "--heads", "2"};
  refused(both, 2, {"--x FILE is missing"});
  refused(x, 2, {"--wq and --wk, or --w"});
  refused(joined(x, {"--wq", path("wq.npy")}), 2, {"give both"});
  refused(joined(joined(x, both), {"--w", path("wq.npy")}), 2, {"exclude each other"});
  refused(joined(joined(x, both), {"--pattern", "5:4"}), 2, {"--pattern", "5:4"});
  refused(joined(joined(x, both), {"--pattern", "2:4", "--ratio", "0.7"}), 2, {"0.7"});
  refused(joined(joined(x, both), {"--ratio", "1"}), 2, {"ratio"});
  refused(joined(joined(x, both), {"--lambda", "1"}), 2, {"--lambda", "--method attention"});
  refused(joined(joined(x, both), {"--method", "attention", "--mask-step", "lipschitz"}), 2,
          {"--form fused"});
  refused(joined(joined(x, both), {"--safetensors", path("m")}), 2, {"--safetensors", "tensors"});
  refused(joined(joined(x, both), {"--heldout-fraction", "0.1"}), 3, {"--heldout-fraction 0.1", "hold out"});
  refused(joined(x, {"--wq", path("wq.npy"), "--wk", path("wk.npy"), "--heads", "3"}), 3, {"Wq has 8 rows"});
  write_npy_doubles(path("oblong.npy"), 8, 7, normals(56, 7, 1));
  refused(joined(x, {"--w", path("oblong.npy")}), 3, {"W is 8 x 7", "square"});
  refused(joined(x, {"--wq", path("no.npy"), "--wk", path("wk.npy"), "--heads", "2"}), 6, {"no.npy"});
  write_npy_doubles(path("narrow.npy"), layer_rows, layer_width - 1,
                    normals(layer_rows * (layer_width - 1), 6, 1));
  refused(joined({"--x", path("narrow.npy")}, both), 3, {"narrow.npy", "7 columns", "8 inputs"});
}

}  // namespace
}  // namespace attnewton::cli
