// The bundled real head, its first 16 sequences: the product against losses that a NumPy program (dense
// einsum formulas, SciPy's Cholesky) found on the same data with the same damping.
#include <cmath>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "cli_run.hpp"

namespace attnewton::cli {
namespace {

using Json = nlohmann::json;

// Loss at the start and after each of eight steps from X = 0, ridge 1e-4. From the tenth step on the
// product's shift falls faster than that program's (docs/theory-to-code.md).
constexpr double reference_losses[] = {2.5009461733e+03, 2.1981518722e+03, 1.5249418029e+03,
                                       9.1601112616e+02, 5.0773385639e+02, 1.6083350404e+02,
                                       3.8405016025e+01, 5.8622447386e+00, 4.6159462239e-01};
constexpr double reference_minimum = 1.1616228699e-03;

class CliRealHead : public CliTest {
 protected:
  // Rows of the first 16 sequences, cut out of the files' bytes.
  void SetUp() override {
    CliTest::SetUp();
    const std::string data = ATTNEWTON_DATA;
    constexpr std::size_t header_bytes = 128;
    constexpr std::size_t rows = 2048;
    write_file(
        path("input.npy"),
        npy_bytes("<f4", "(2048, 64)", read_file(data + "/input.npy").substr(header_bytes, rows * 64 * 4)));
    write_file(
        path("target.npy"),
        npy_bytes("<f8", "(2048, 16)", read_file(data + "/target.npy").substr(header_bytes, rows * 16 * 8)));
    std::vector<std::int64_t> offsets;
    for (std::int64_t s = 0; s <= 16; ++s) offsets.push_back(128 * s);
    write_npy_indices(path("offsets.npy"), offsets);
  }

  Outcome fit(int ranks, const std::string& out, const std::string& max_iterations) const {
    return run(ranks, arguments(out, max_iterations), 300);
  }

  std::vector<std::string> arguments(const std::string& out, const std::string& max_iterations) const {
    const std::string data = ATTNEWTON_DATA;
    return {"solve",
            "--a1",
            path("input.npy"),
            "--b",
            path("target.npy"),
            "--offsets",
            path("offsets.npy"),
            "--append-ones",
            "--causal",
            "--ridge",
            "1e-4",
            "--method",
            "newton",
            "--threads",
            "1",
            "--reference-x",
            data + "/x_true.npy",
            "--reference-y",
            data + "/y_true.npy",
            "--max-iterations",
            max_iterations,
            "--out",
            path(out)};
  }

  std::vector<double> losses(const std::string& out) const {
    std::vector<double> values;
    std::istringstream lines(read_file(path(out + "/iterations.jsonl")));
    for (std::string line; std::getline(lines, line);) values.push_back(Json::parse(line)["loss"]);
    return values;
  }
};

TEST_F(CliRealHead, IsRecoveredFromZeroAlongTheReferencesPath) {
  const Outcome outcome = fit(2, "out", "30");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
  const Json json = Json::parse(read_file(path("out/result.json")));
  EXPECT_EQ(json["status"], "converged");
  EXPECT_LE(json["gradient_norm"], 1e-8 * json["initial_gradient_norm"].get<double>());
  EXPECT_LE(json["relative_residual"], 1e-5);
  EXPECT_LE(json["reference"]["logit_error"], 1e-4);
  EXPECT_LE(json["reference"]["x_error_seen"], 1e-2);
  EXPECT_LE(json["peak_memory_bytes"], 1.5 * 1024 * 1024 * 1024);
  EXPECT_NEAR(json["loss"], reference_minimum, 1e-6 * reference_minimum);  // the product goes further

  const std::vector<double> path_taken = losses("out");
  ASSERT_GE(path_taken.size(), std::size(reference_losses));
  for (std::size_t k = 0; k < std::size(reference_losses); ++k) {
    EXPECT_NEAR(path_taken[k], reference_losses[k], 1e-9 * reference_losses[k]) << k;
  }
}

TEST_F(CliRealHead, TakesTheSamePathOnAnyRanks) {
  std::vector<double> first;
  for (const int ranks : {1, 3, 4}) {
    const std::string out = "out" + std::to_string(ranks);
    const Outcome outcome = fit(ranks, out, "5");
    ASSERT_EQ(outcome.exit_code, 4) << outcome.out << outcome.err;
    const std::vector<double> path_taken = losses(out);
    if (first.empty()) first = path_taken;
    ASSERT_EQ(path_taken.size(), 6U);
    for (std::size_t k = 0; k < 6; ++k) {
      EXPECT_NEAR(path_taken[k], first[k], 1e-10 * first[k]) << ranks << " ranks, step " << k;
      EXPECT_NEAR(path_taken[k], reference_losses[k], 1e-9 * reference_losses[k]) << k;
    }
  }
}

// A signal, as a batch system sends before its limit: the step is finished, results are written, the code
// says so, and a second solve goes on from there.
TEST_F(CliRealHead, StopsInGoodOrderAtASignalAndGoesOnFromThere) {
  std::vector<std::string> words = arguments("out", "30");
  const std::vector<std::string> timeout = {"--preserve-status", "-s", "USR1", "4", ATTNEWTON_PROGRAM};
  words.insert(words.begin(), timeout.begin(), timeout.end());
  const Outcome stopped = run_program("timeout", 2, words, 300);
  EXPECT_EQ(stopped.exit_code, 75) << stopped.out << stopped.err;
  const Json json = Json::parse(read_file(path("out/result.json")));
  EXPECT_EQ(json["status"], "stopped");
  EXPECT_LT(json["loss"], json["initial_loss"]);
  EXPECT_EQ(count(stopped.err, "a signal asked to stop"), 1);

  words = arguments("more", "1");
  words.insert(words.end(), {"--init", path("out/x.npy"), path("out/y.npy")});
  const Outcome more = run(2, words, 300);
  EXPECT_EQ(more.exit_code, 4) << more.err;
  const Json further = Json::parse(read_file(path("more/result.json")));
  EXPECT_NEAR(further["initial_loss"], json["loss"], 1e-9 * json["loss"].get<double>());
}

}  // namespace
}  // namespace attnewton::cli
