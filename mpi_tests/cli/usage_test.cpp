// What the program says to those who ask, and to those who mistype.
#include <cctype>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cli_run.hpp"

namespace attnewton::cli {
namespace {

using Words = std::vector<std::string>;

TEST(CliUsage, HelpIsPrintedOnceOnAnyRankCount) {
  for (const int ranks : {1, 2, 4}) {
    for (const Words& words : {Words{"--help"}, Words{"help"}}) {
      const Outcome outcome = run(ranks, words);
      EXPECT_EQ(outcome.exit_code, 0);
      EXPECT_EQ(count(outcome.out, "usage: attnewton COMMAND"), 1);
      for (const char* command : {"solve", "generate", "check", "bench"})
        EXPECT_EQ(count(outcome.out, command) > 0, true);
    }
  }
}

TEST(CliUsage, EveryCommandHasHelp) {
  for (const char* command : {"solve", "generate", "check", "bench"}) {
    const Outcome outcome = run(2, {command, "--help"});
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_EQ(count(outcome.out, std::string("usage: attnewton ") + command), 1);
    EXPECT_EQ(count(outcome.out, "--config"), 1);
    EXPECT_EQ(run(1, {"help", command}).out, outcome.out);
  }
}

TEST(CliUsage, Version) {
  const Outcome outcome = run(2, {"--version"});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(count(outcome.out, "attnewton "), 1);
}

TEST(CliUsage, TheOptionReferenceIsUpToDate) {
  const Outcome outcome = run(1, {"help", "--markdown"});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.out, read_file(ATTNEWTON_OPTIONS_PAGE))
      << "write it anew: attnewton help --markdown > docs/options.md";
}

struct Mistake {
  Words words;
  Words parts;  // of the message
};

const std::vector<Mistake>& mistakes() {
  static const std::vector<Mistake> all = {
      {{}, {"no command"}},
      {{"slove"}, {"unknown command 'slove'", "did you mean 'solve'?"}},
      {{"--solve"}, {"unknown option '--solve'"}},
      {{"solve", "--tolerence", "1e-3"}, {"unknown option '--tolerence'", "did you mean '--tolerance'?"}},
      {{"solve", "--tol", "1e-3"}, {"unknown option '--tol'", "did you mean '--tolerance'?"}},
      {{"solve", "--tolerance=1e-3", "--zzzzzz"}, {"unknown option '--zzzzzz'", "--help"}},
      {{"solve", "-a1", "x"}, {"unknown option '-a1'", "'--a1'"}},
      {{"solve", "stray"}, {"unexpected argument 'stray'"}},
      {{"solve", "--tolerance", "1e-4x"}, {"--tolerance", "'1e-4x'", "number"}},
      {{"solve", "--tolerance", "nan"}, {"--tolerance", "'nan'"}},
      {{"solve", "--ridge", "inf"}, {"--ridge", "'inf'"}},
      {{"solve", "--ridge", "-1"}, {"--ridge", "-1", "at least 0"}},
      {{"solve", "--ridge", ""}, {"--ridge", "''"}},
      {{"solve", "--max-iterations", "2.5"}, {"--max-iterations", "'2.5'", "integer"}},
      {{"solve", "--max-iterations", "99999999999999999999"}, {"--max-iterations", "integer"}},
      {{"solve", "--threads", "-2"}, {"--threads", "-2"}},
      {{"solve", "--seed", "-1"}, {"--seed", "'-1'"}},
      {{"solve", "--time-limit", "1:75:00"}, {"--time-limit", "'1:75:00'", "h:mm:ss"}},
      {{"solve", "--hessian", "exakt"},
       {"--hessian", "'exakt'", "exact, gauss-newton", "did you mean 'exact'?"}},
      {{"solve", "--problem", "regresion"}, {"--problem", "'regresion'", "did you mean 'regression'?"}},
      {{"solve", "--link", "power"}, {"--link", "'power'", "power:BETA"}},
      {{"solve", "--link", "power:x"}, {"--link", "'power:x'", "number"}},
      {{"solve", "--init", "zeros"}, {"--init", "'zeros'", "did you mean 'zero'?"}},
      {{"solve", "--init", "zero", "y.npy"}, {"--init", "not both"}},
      {{"solve", "--init", "a.npy", "b.npy", "c.npy"}, {"--init", "at most 2", "3"}},
      {{"solve", "--weights", "many"}, {"--weights", "'many'"}},
      {{"solve", "--causal=perhaps"}, {"--causal", "'perhaps'", "true"}},
      {{"solve", "--a1"}, {"--a1", "needs a value"}},
      {{"solve", "--a1", "--b", "b.npy"}, {"--a1", "needs a value"}},
      {{"solve", "--ridge", "1", "--ridge", "2"}, {"--ridge", "twice"}},
      {{"solve", "--b", "b.npy"}, {"--a1", "missing"}},
      {{"solve", "--a1", "a.npy"}, {"--b", "missing"}},
      {{"solve", "--a1", "a", "--b", "b", "--quiet", "--verbose"}, {"--quiet", "--verbose"}},
      {{"solve", "--a1", "a", "--b", "b", "--reference-x", "x"}, {"--reference-y"}},
      {{"solve", "--a1", "a", "--b", "b", "--key-offsets", "x"}, {"--offsets"}},
      {{"generate"}, {"--out", "missing"}},
      {{"generate", "--out", "d", "--rows", "0"}, {"--rows", "0", "at least 1"}},
      {{"generate", "--out", "d", "--width", "4", "--factor-rank", "5"}, {"--factor-rank", "5", "4"}},
      {{"check", "--a1", "a", "--b", "b", "--step", "0"}, {"--step", "above 0"}},
      {{"bench", "--kernel", "gradients"}, {"--kernel", "'gradients'", "did you mean 'gradient'?"}},
      {{"bench", "--kernel", "exp,dgem"}, {"--kernel", "'dgem'", "did you mean 'dgemm'?"}},
      {{"bench", "--n", "0"}, {"--n", "0", "at least 1"}},
      {{"bench", "--n", "64,1e3"}, {"--n", "'1e3'", "integer"}},
      {{"bench", "--d", "8", "--d", "16"}, {"--d", "twice"}},
      {{"bench", "--d", ","}, {"--d", "empty"}},
      {{"bench", "--sequence", "-1"}, {"--sequence", "-1", "at least 0"}},
      {{"bench", "--mask", "some"}, {"--mask", "'some'", "none, causal"}},
      {{"bench", "--causal", "--mask", "none"}, {"--causal", "--mask"}},
      {{"bench", "--repetitions", "-1"}, {"--repetitions", "-1"}},
      {{"bench", "--quiet"}, {"--quiet", "--out"}},
  };
  return all;
}

class CliMistake : public testing::TestWithParam<std::size_t> {};

TEST_P(CliMistake, EndsWithTwoAndSaysWhatIsWrong) {
  const Mistake& mistake = mistakes().at(GetParam());
  for (const int ranks : {1, 2, 4}) expect_error(run(ranks, mistake.words), 2, mistake.parts);
}

// The words, as far as a test's name can hold them.
std::string name_of(const testing::TestParamInfo<std::size_t>& test) {
  std::string name = std::to_string(test.param);
  for (const std::string& word : mistakes().at(test.param).words) {
    for (const char c : word) name += isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(CliUsage, CliMistake, testing::Range<std::size_t>(0, mistakes().size()), name_of);

class CliIni : public CliTest {};

TEST_F(CliIni, UnknownKeyNamesFileLineAndTheNearest) {
  write_file(path("fit.ini"), "# a comment\n\ntolerence = 1e-3\n");
  for (const int ranks : {1, 2, 4})
    expect_error(run(ranks, {"solve", "--config", path("fit.ini")}), 2,
                 {path("fit.ini") + ":3", "'tolerence'", "did you mean 'tolerance'?"});
}

TEST_F(CliIni, WrongLinesAreNamed) {
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"tolerance\n", ":1: 'tolerance' is not of the form"},
      {"ridge = 1\nridge = 2\n", ":2: ridge is given twice"},
      {"ridge =\n", ":1: ridge has no value"},
      {"\nridge = 1x\n", ":2: ridge: '1x'"},
      {"config = other.ini\n", ":1: unknown option 'config'"},
      {"causal = yes\n", ":1: causal: 'yes'"},
  };
  for (const auto& [content, part] : wrong) {
    write_file(path("fit.ini"), content);
    expect_error(run(2, {"solve", "--config", path("fit.ini")}), 2, {path("fit.ini") + part});
  }
}

TEST_F(CliIni, MissingFileIsAnInputError) {
  expect_error(run(2, {"solve", "--config", path("none.ini")}), 6, {path("none.ini"), "No such file"});
}

}  // namespace
}  // namespace attnewton::cli
