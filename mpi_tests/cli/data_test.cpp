// Inputs that are wrong: the file and the cause are named once, every rank leaves, nothing is written.
#include <filesystem>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cli_run.hpp"

namespace attnewton::cli {
namespace {

// A sound problem of 12 rows in 3 sequences, for each test to spoil.
class CliData : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    write_npy_doubles(path("a1.npy"), 12, 3, inputs());
    write_npy_doubles(path("b.npy"), 12, 2, std::vector<double>(24, 0.5));
    write_npy_indices(path("offsets.npy"), {0, 4, 8, 12});
  }

  static std::vector<double> inputs() {
    std::vector<double> values(36);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i * 7 % 11) - 5;
    return values;
  }

  // Expects a solve, with more options, to fail alike on 1, 2 and 4 ranks.
  void expect_failure(int exit_code, const std::vector<std::string>& parts,
                      const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words = {"solve",       "--a1",      path("a1.npy"),      "--b",
                                      path("b.npy"), "--offsets", path("offsets.npy"), "--ridge",
                                      "1e-3",        "--out",     path("out")};
    words.insert(words.end(), more.begin(), more.end());
    for (const int ranks : {1, 2, 4}) expect_error(run(ranks, words), exit_code, parts, path("out"));
  }
};

TEST_F(CliData, TheSoundProblemIsSolved) {
  const Outcome outcome = run(2, {"solve", "--a1", path("a1.npy"), "--b", path("b.npy"), "--offsets",
                                  path("offsets.npy"), "--ridge", "1e-3", "--out", path("out")});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
}

TEST_F(CliData, MissingFile) {
  std::filesystem::remove(path("b.npy"));
  expect_failure(6, {path("b.npy"), "No such file"});
}

TEST_F(CliData, TruncatedFile) {
  std::filesystem::resize_file(path("a1.npy"), std::filesystem::file_size(path("a1.npy")) - 5);
  expect_failure(3, {path("a1.npy")});
}

TEST_F(CliData, JunkFile) {
  write_file(path("b.npy"), "these are not the numbers you are looking for");
  expect_failure(3, {path("b.npy"), "npy"});
}

TEST_F(CliData, EmptyFile) {
  write_file(path("b.npy"), "");
  expect_failure(3, {path("b.npy")});
}

TEST_F(CliData, NanIsNamedByRowAndColumn) {
  std::vector<double> values = inputs();
  values[9 * 3 + 1] = std::numeric_limits<double>::quiet_NaN();
  write_npy_doubles(path("a1.npy"), 12, 3, values);
  expect_failure(3, {path("a1.npy"), "row 9", "column 1"});
}

TEST_F(CliData, InfinityInB) {
  std::vector<double> values(24, 1);
  values[23] = std::numeric_limits<double>::infinity();
  write_npy_doubles(path("b.npy"), 12, 2, values);
  expect_failure(3, {path("b.npy"), "row 11", "column 1"});
}

TEST_F(CliData, RowsOfBDiffer) {
  write_npy_doubles(path("b.npy"), 11, 2, std::vector<double>(22, 1));
  expect_failure(3, {path("b.npy"), "11 x 2", path("a1.npy"), "12 x 3"});
}

TEST_F(CliData, ZeroRows) {
  write_npy_doubles(path("a1.npy"), 0, 3, {});
  write_npy_doubles(path("b.npy"), 0, 2, {});
  write_npy_indices(path("offsets.npy"), {0, 0});
  expect_failure(3, {path("a1.npy"), "0 rows"});
}

TEST_F(CliData, IntegersForInputs) {
  write_npy_indices(path("b.npy"), std::vector<std::int64_t>(12, 1));
  expect_failure(3, {path("b.npy"), "integers"});
}

TEST_F(CliData, OffsetsThatDoNotRise) {
  write_npy_indices(path("offsets.npy"), {0, 8, 8, 12});
  expect_failure(3, {path("offsets.npy"), "entry 1 is 8", "entry 2 is 8"});
}

TEST_F(CliData, OffsetsThatStartLate) {
  write_npy_indices(path("offsets.npy"), {1, 8, 12});
  expect_failure(3, {path("offsets.npy"), "entry 0 is 1"});
}

TEST_F(CliData, OffsetsThatEndElsewhere) {
  write_npy_indices(path("offsets.npy"), {0, 8, 13});
  expect_failure(3, {path("offsets.npy"), "13", path("a1.npy"), "12 x 3"});
}

TEST_F(CliData, OffsetsThatAreNotIntegers) {
  write_npy_doubles(path("offsets.npy"), 4, 1, {0, 4, 8, 12});
  expect_failure(3, {path("offsets.npy")});
}

TEST_F(CliData, KeysOfAnotherNumberNeedTheirOffsets) {
  write_npy_doubles(path("a2.npy"), 9, 3, std::vector<double>(27, 1));
  expect_failure(3, {path("offsets.npy"), path("a2.npy"), "9 x 3"}, {"--a2", path("a2.npy")});
}

TEST_F(CliData, KeysAndQueriesMustHaveTheSameSequences) {
  write_npy_doubles(path("a2.npy"), 9, 3, std::vector<double>(27, 1));
  write_npy_indices(path("key_offsets.npy"), {0, 4, 9});
  expect_failure(3, {path("offsets.npy"), "3 sequences", path("key_offsets.npy"), "2"},
                 {"--a2", path("a2.npy"), "--key-offsets", path("key_offsets.npy")});
}

TEST_F(CliData, CausalNeedsAKeyAQuery) {
  write_npy_doubles(path("a2.npy"), 13, 3, std::vector<double>(39, 1));
  write_npy_indices(path("key_offsets.npy"), {0, 4, 9, 13});
  expect_failure(3, {"--causal", "sequence 1", "4 queries", "5 keys"},
                 {"--a2", path("a2.npy"), "--key-offsets", path("key_offsets.npy"), "--causal"});
}

TEST_F(CliData, ValuesAndKeysDiffer) {
  write_npy_doubles(path("a3.npy"), 5, 3, std::vector<double>(15, 1));
  expect_failure(3, {path("a3.npy"), "5 x 3", "12 x 3"}, {"--a3", path("a3.npy")});
}

TEST_F(CliData, WeightsOfTheWrongLengthOrSign) {
  write_npy_doubles(path("w.npy"), 7, 1, std::vector<double>(7, 1));
  expect_failure(3, {path("w.npy"), "7 x 1"}, {"--weights", path("w.npy")});
  std::vector<double> weights(12, 1);
  weights[10] = -2;
  write_npy_doubles(path("w.npy"), 12, 1, weights);
  expect_failure(3, {path("w.npy"), "row 10", "-2"}, {"--weights", path("w.npy")});
}

TEST_F(CliData, AStartOfTheWrongShape) {
  write_npy_doubles(path("x.npy"), 4, 4, std::vector<double>(16, 1));
  expect_failure(3, {path("x.npy"), "4 x 4", "3 x 3", "--append-ones"}, {"--init", path("x.npy")});
}

TEST_F(CliData, AReferenceOfTheWrongShape) {
  write_npy_doubles(path("x.npy"), 3, 3, std::vector<double>(9, 1));
  write_npy_doubles(path("y.npy"), 3, 3, std::vector<double>(9, 1));
  expect_failure(3, {path("y.npy"), "3 x 3", "3 x 2"},
                 {"--reference-x", path("x.npy"), "--reference-y", path("y.npy")});
}

TEST_F(CliData, AFolderThatCannotBeMadeEndsTheSolveBeforeItStarts) {
  for (const int ranks : {1, 2, 4}) {
    const Outcome outcome = run(ranks, {"solve", "--a1", path("a1.npy"), "--b", path("b.npy"), "--ridge",
                                        "1e-3", "--out", path("a1.npy/out")});
    expect_error(outcome, 6, {path("a1.npy/out")});
  }
}

}  // namespace
}  // namespace attnewton::cli
