#include "option_table.hpp"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"

#include "command_line.hpp"
#include "support/temporary_folder.hpp"

namespace attnewton {
namespace {

enum class Colour { red, green };

// A table with an option of each kind.
struct Fixture {
  bool flag = false;
  Index integer = 7;
  double number = 0.5;
  std::string path;
  std::vector<std::string> start = {"zero"};
  std::string weights;
  Colour colour = Colour::green;
  std::vector<Index> sizes = {8};
  std::vector<Colour> colours = {Colour::red};
  std::string config;
  OptionTable table{"paint", "Paints."};

  Fixture() {
    table.group("All");
    table.flag("flag", flag, "A flag.");
    table.integer("integer", integer, {.at_least = 0, .at_most = 10}, "An integer.");
    table.number("number", number, {.at_least = 0, .above_least = true}, "A number.");
    table.path("path", "FILE", path, "A path.");
    table.choice_or_paths("start", "zero|FILE", start, {"zero", "random"}, "A start.");
    table.number_or_path("weights", weights, {.at_least = 0}, "Weights.");
    table.choice<Colour>("colour", colour, {{"red", Colour::red}, {"green", Colour::green}}, "A colour.");
    table.integers("sizes", sizes, {.at_least = 0, .at_most = 10}, "Sizes.");
    table.choices<Colour>("colours", colours, {{"red", Colour::red}, {"green", Colour::green}}, "Colours.");
    table.path("config", "FILE", config, "A file.").in_ini = false;
  }
  void read(const std::vector<std::string>& words) { read_options(table, words); }
};

TEST(OptionTable, WordsReachTheirFields) {
  Fixture all;
  all.read({"--flag", "--integer", "3", "--number=1e-3", "--path", "a b.npy", "--start", "x.npy", "y.npy",
            "--weights", "2", "--colour", "red"});
  EXPECT_TRUE(all.flag);
  EXPECT_EQ(all.integer, 3);
  EXPECT_EQ(all.number, 1e-3);
  EXPECT_EQ(all.path, "a b.npy");
  EXPECT_EQ(all.start, (std::vector<std::string>{"x.npy", "y.npy"}));
  EXPECT_EQ(all.weights, "2");
  EXPECT_EQ(all.colour, Colour::red);
}

TEST(OptionTable, DefaultsAreTheFieldsOwn) {
  const Fixture all;
  EXPECT_EQ(all.table.find("integer")->default_text, "7");
  EXPECT_EQ(all.table.find("colour")->default_text, "green");
  EXPECT_EQ(all.table.find("path")->default_text, "");
  EXPECT_EQ(all.table.find("flag")->default_text, "");
}

TEST(OptionTable, UsedOptionsSayWhichWereGiven) {
  Fixture all;
  all.read({"--integer", "3"});
  const auto used = all.table.used();
  ASSERT_EQ(used.size(), 7U);  // no path, no weights, never config
  EXPECT_FALSE(used[0].given);
  EXPECT_TRUE(used[1].given);
  EXPECT_EQ(std::get<Index>(used[1].value), 3);
}

TEST(OptionTable, ListsTakeWordsAndCommasAndReplaceTheDefault) {
  Fixture all;
  EXPECT_EQ(all.table.find("sizes")->default_text, "8");
  all.read({"--sizes", "1,2", "3", "4, 5", "--colours", "green,red"});
  EXPECT_EQ(all.sizes, (std::vector<Index>{1, 2, 3, 4, 5}));
  EXPECT_EQ(all.colours, (std::vector<Colour>{Colour::green, Colour::red}));
  for (const char* wrong : {"1,11", "1,x", ",", " "}) EXPECT_THROW(all.read({"--sizes", wrong}), UsageError);
  EXPECT_THROW(all.read({"--colours", "red,blue"}), UsageError);
}

TEST(OptionTable, ALimitIsNamed) {
  Fixture all;
  try {
    all.read({"--integer", "11"});
    FAIL() << "accepted";
  } catch (const UsageError& error) {
    EXPECT_STREQ(error.what(), "--integer: is 11, it must be at least 0 and at most 10");
  }
}

TEST(OptionTable, PathsInAFileStartFromItsFolderAndTheCommandLineWins) {
  const TemporaryFolder folder(Communicator::self());
  const std::string ini = folder.file("a.ini");
  std::ofstream(ini) << "; a comment\npath = data/#1.npy\nstart = x.npy\nstart = /abs/y.npy\n"
                     << "weights = w.npy\ninteger = 4\n  colour =  red  \nflag = true\n";
  Fixture all;
  all.read({"--integer", "5", "--config", ini});
  EXPECT_EQ(all.path, folder.file("data/#1.npy"));
  EXPECT_EQ(all.start, (std::vector<std::string>{folder.file("x.npy"), "/abs/y.npy"}));
  EXPECT_EQ(all.weights, folder.file("w.npy"));
  EXPECT_EQ(all.integer, 5);
  EXPECT_EQ(all.colour, Colour::red);
  EXPECT_TRUE(all.flag);
}

TEST(OptionTable, IniTextReadsBackToTheSame) {
  const TemporaryFolder folder(Communicator::self());
  Fixture first;
  first.read({"--flag", "--number", "0.1", "--path", "x.npy", "--start", "a.npy", "b.npy", "--colour", "red",
              "--sizes", "1,2", "--colours", "green,red"});
  const std::string ini = folder.file("effective.ini");
  std::ofstream(ini) << first.table.ini_text();
  Fixture second;
  second.read({"--config", ini});
  EXPECT_EQ(second.table.ini_text(), first.table.ini_text());
  EXPECT_EQ(second.path, std::filesystem::absolute("x.npy").string());
  EXPECT_EQ(second.start.size(), 2U);
}

}  // namespace
}  // namespace attnewton
