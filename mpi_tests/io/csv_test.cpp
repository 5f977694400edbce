#include "attnewton/io/csv.hpp"

#include <charconv>
#include <cmath>
#include <random>

#include "shared_text.hpp"

namespace attnewton {
namespace {

class Csv : public SharedText {
 protected:
  // Collective: the whole table, the same whatever the number of ranks; `names_` are its column names.
  Matrix whole(const std::string& text, const CsvOptions& options = {}) {
    put(text);
    const CsvTable table = read_csv_share(comm(), path(), options);
    names_ = table.names;
    return gather_rows(comm(), table.rows, table.first_row, table.total_rows);
  }
  void expect_rows_refused(const std::string& text, const std::string& where, const std::string& cause,
                           const CsvOptions& options = {}) {
    expect_refused(text, where, cause, [&] { read_csv_share(comm(), path(), options); });
  }
  std::vector<std::string> names_;
};

std::string shortest(double value) {
  std::string text(32, '\0');
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  text.resize(static_cast<std::size_t>(end - text.data()));
  return text;
}

std::string text_of(const Matrix& values, char delimiter, const std::string& line_end) {
  std::string text;
  for (Index i = 0; i < values.rows(); ++i) {
    for (Index j = 0; j < values.cols(); ++j) {
      if (j > 0) text += delimiter;
      text += shortest(values(i, j));
    }
    text += line_end;
  }
  return text;
}

// Numbers of all magnitudes, so that lines differ in length.
Matrix random_matrix(Index rows, Index columns) {
  std::mt19937_64 random(7);
  Matrix values(rows, columns);
  for (Index i = 0; i < values.size(); ++i) {
    const auto exponent = static_cast<int>(random() % 600) - 300;
    values.data()[i] = std::ldexp(static_cast<double>(random() % 2000001) - 1e6, exponent);
  }
  return values;
}

TEST_F(Csv, ThousandsOfRandomRowsComeBackToTheBit) {
  const Matrix values = random_matrix(4321, 7);
  for (const auto& [delimiter, line_end] :
       {std::pair<char, std::string>{',', "\n"}, {';', "\r\n"}, {'\t', "\n"}}) {
    EXPECT_EQ(whole(text_of(values, delimiter, line_end)), values);
    EXPECT_TRUE(names_.empty());
  }
}

// A row of more than a block, and far longer than any rank's range of bytes beside it.
TEST_F(Csv, RowsLongerThanARangeAndThanABlock) {
  const Matrix values = random_matrix(2, 80000);
  EXPECT_EQ(whole(text_of(values, ',', "\n")), values);
}

TEST_F(Csv, LinesOfVeryDifferentLength) {
  Matrix values = Matrix::Ones(3000, 2);
  values.bottomRows(10) = random_matrix(10, 2);
  EXPECT_EQ(whole(text_of(values, ',', "\n")), values);
  EXPECT_EQ(whole(std::string(5000, ' ') + "1,2\n" + text_of(values, ',', "\n")).rows(), 3001);
}

TEST_F(Csv, FewerRowsThanRanks) {
  const Matrix expected = (Matrix(1, 3) << 1, -2.5, 3).finished();
  EXPECT_EQ(whole("1,-2.5,3"), expected);
  EXPECT_EQ(whole("a,b,c\n1,-2.5,3\n"), expected);
  put("1,2,3\n");
  const CsvTable table = read_csv_share(comm(), path());
  EXPECT_EQ(table.rows.cols(), 3);
  EXPECT_EQ(table.total_rows, 1);
  EXPECT_EQ(table.rows.rows(), comm().is_root() ? 1 : 0);
}

TEST_F(Csv, Headers) {
  const Matrix expected = (Matrix(2, 2) << 1, 2, 3, 4).finished();
  EXPECT_EQ(whole("# made by hand\n\nx, y z \n1,2\n3,4\n"), expected);
  EXPECT_EQ(names_, (std::vector<std::string>{"x", "y z"}));
  EXPECT_EQ(whole("\xEF\xBB\xBF\"a,\"\"b\"\"\";\"c;d\"\r\n1;2\r\n3;4\r\n"), expected);
  EXPECT_EQ(names_, (std::vector<std::string>{"a,\"b\"", "c;d"}));
  EXPECT_EQ(whole(",y\n1,2\n3,4\n"), expected);
  EXPECT_EQ(names_, (std::vector<std::string>{"", "y"}));
  EXPECT_EQ(whole("7\t8\n1\t2\n3\t4\n", {CsvHeader::yes, CsvDelimiter::automatic}), expected);
  EXPECT_EQ(names_, (std::vector<std::string>{"7", "8"}));
  EXPECT_EQ(whole("\xEF\xBB\xBF"
                  "1,2\n3,4"),
            expected);
  EXPECT_TRUE(names_.empty());
}

TEST_F(Csv, BlankLinesCommentsAndSpacesDoNotCount) {
  const Matrix expected = (Matrix(3, 2) << 1, 2, 3, 4, 5, 6).finished();
  EXPECT_EQ(whole("\n  \r\n 1 , 2\n# a comment, with commas\n\n3,\t4 \r\n   # another\n5,6\n\n\n"), expected);
}

TEST_F(Csv, Numbers) {
  const Matrix expected = (Matrix(1, 6) << 1, 0.1, 5e-324, 0, -1e300, 100).finished();
  EXPECT_EQ(whole("+1,.1,4.9406564584124654e-324,1e-400,-1E+300,1e2"), expected);
}

TEST_F(Csv, FieldsThatAreNotFiniteNumbers) {
  expect_rows_refused("1,2\n3,abc\n", ":2:3: ", "\"abc\" is not a number");
  expect_rows_refused("a,b\n1,2\n3, nan\n", ":3:4: ", "\"nan\": only finite numbers");
  expect_rows_refused("nan,1\n2,3\n", ":1:1: ", "only finite");
  expect_rows_refused("1,-inf\n2,3\n", ":1:3: ", "only finite");
  expect_rows_refused("1,2\n# c\n\n1e400,3\n", ":4:1: ", "outside the range of a double");
  expect_rows_refused("1,2\n3,\n", ":2:3: ", "a number is missing");
  expect_rows_refused("1,2\n3,\"4\"\n", ":2:3: ", "is not a number");
  expect_rows_refused("1;2\n3;4,5\n", ":2:3: ", "the decimal sign is a point");
  expect_rows_refused("1,2\n3,4x\n", ":2:3: ", "\"4x\" is not a number");
  expect_rows_refused("1,2\n3,+-4\n", ":2:3: ", "is not a number");
  expect_rows_refused("1,2\n3,0x10\n", ":2:3: ", "is not a number");
  expect_rows_refused(std::string("1,2\n3,\x1b[2J\0\n", 11), ":2:3: ", "\"?[2J?\" is not a number");
  expect_rows_refused("1,2\n3," + std::string(2000, '1') + "\n", ":2:3: ", "a field of 2000 characters");
}

TEST_F(Csv, ABadFieldFarDownIsNamedByItsLine) {
  std::string text = "a,b\n";
  for (int i = 2; i <= 3000; ++i) text += i == 2907 ? "1,x\n" : "1,2\n";
  expect_rows_refused(text, ":2907:3: ", "\"x\" is not a number");
}

TEST_F(Csv, RaggedRowsNameBothCounts) {
  expect_rows_refused("1,2,3\n4,5\n", ":2:1: ", "2 fields where the first row has 3");
  expect_rows_refused("a,b,c\n1,2,3\n1,2,3,4\n", ":3:1: ", "4 fields where the header has 3");
  expect_rows_refused("1,2\n3\n", ":2:1: ", "1 field where the first row has 2");
  expect_rows_refused("1,2\n3,4,\n", ":2:1: ", "3 fields where");
  expect_rows_refused("1,2\n3;4\n", ":2:1: ", "1 field where");
}

TEST_F(Csv, HeadersThatDoNotParse) {
  expect_rows_refused("a,\"b\n1,2\n", ":1:3: ", "not closed");
  expect_rows_refused("\"a\"x,b\n1,2\n", ":1:4: ", "follows a closing quote");
  expect_rows_refused("a,b\n1,2\n", ":1:1: ", "\"a\" is not a number", {CsvHeader::no, CsvDelimiter::comma});
}

TEST_F(Csv, FilesWithoutRows) {
  expect_rows_refused("", ": ", "is empty");
  expect_rows_refused("\n\n# nothing\n", ": ", "holds no rows");
  expect_rows_refused("a,b\n", ": ", "no rows below its header");
  expect_rows_refused("a,b", ": ", "no rows below its header");
}

// Whatever a byte is changed to, the file is read or refused by name, on all ranks alike.
TEST_F(Csv, NoChangeOfAByteCrashes) {
  const std::string text = "\"a b\",c\r\n1,2.5\n-3e2,4\n\n# x\n5,6";
  Index accepted = 0;
  for (std::size_t place = 0; place < text.size(); ++place) {
    for (const char other : {'\n', '\r', '"', ',', ';', '\t', '#', '7', 'n', '\xef', '\0'}) {
      std::string changed = text;
      changed[place] = other;
      put(changed);
      try {
        const CsvTable table = read_csv_share(comm(), path());
        EXPECT_TRUE(table.rows.allFinite());
        ++accepted;
      } catch (const DataError& error) {
        EXPECT_EQ(std::string(error.what()).rfind(path() + ":", 0), 0U) << error.what();
      }
    }
  }
  EXPECT_EQ(comm().sum(accepted), accepted * comm().size());
  EXPECT_GT(accepted, 20);
}

}  // namespace
}  // namespace attnewton
