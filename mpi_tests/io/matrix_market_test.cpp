#include "attnewton/io/matrix_market.hpp"

#include <algorithm>
#include <random>

#include <fmt/format.h>

#include "shared_text.hpp"

namespace attnewton {
namespace {

class MatrixMarket : public SharedText {
 protected:
  // Collective: the whole matrix, the same whatever the number of ranks.
  Matrix whole(const std::string& text) {
    put(text);
    const MatrixMarketRows share = read_matrix_market_share(comm(), path());
    EXPECT_EQ(share.first_row, share.total_rows * comm().rank() / comm().size());
    sparse_ = std::holds_alternative<SparseRows>(share.rows);
    const Matrix rows = sparse_ ? dense(std::get<SparseRows>(share.rows)) : std::get<Matrix>(share.rows);
    return gather_rows(comm(), rows, share.first_row, share.total_rows);
  }
  bool sparse_ = false;
};

// A matrix of small integers with zeros.
Matrix random_matrix(Index rows, Index columns, unsigned zeros_in_ten) {
  std::mt19937_64 random(5);
  Matrix values = Matrix::Zero(rows, columns);
  for (Index i = 0; i < values.size(); ++i) {
    if (random() % 10 >= zeros_in_ten) values.data()[i] = static_cast<double>(random() % 1000 + 1) / 8;
  }
  return values;
}

// The entries of `values` in a shuffled order; of its lower triangle only if `symmetric`.
std::string coordinate_text(const Matrix& values, bool symmetric) {
  std::vector<std::string> lines;
  for (Index i = 0; i < values.rows(); ++i) {
    for (Index j = 0; j < (symmetric ? i + 1 : values.cols()); ++j) {
      if (values(i, j) != 0) lines.push_back(fmt::format("{} {} {}\n", i + 1, j + 1, values(i, j)));
    }
  }
  std::mt19937_64 random(3);
  std::shuffle(lines.begin(), lines.end(), random);
  return fmt::format("%%MatrixMarket matrix coordinate real {}\n% made here\n{} {} {}\n{}",
                     symmetric ? "symmetric" : "general", values.rows(), values.cols(), lines.size(),
                     fmt::join(lines, ""));
}

std::string array_text(const Matrix& values, bool symmetric) {
  std::string text = fmt::format("%%MatrixMarket matrix array real {}\n{} {}\n",
                                 symmetric ? "symmetric" : "general", values.rows(), values.cols());
  for (Index j = 0; j < values.cols(); ++j) {
    for (Index i = symmetric ? j : 0; i < values.rows(); ++i) text += fmt::format("{}\n", values(i, j));
  }
  return text;
}

TEST_F(MatrixMarket, RandomMatricesComeBack) {
  const Matrix values = random_matrix(3001, 11, 7);
  EXPECT_EQ(whole(coordinate_text(values, false)), values);
  EXPECT_TRUE(sparse_);
  EXPECT_EQ(whole(array_text(values, false)), values);
  EXPECT_FALSE(sparse_);
}

TEST_F(MatrixMarket, SymmetricOnesComeBackWhole) {
  for (const Index n : {1, 2, 3, 97}) {
    Matrix values = random_matrix(n, n, 6);
    values = (values + values.transpose()).eval();
    EXPECT_EQ(whole(coordinate_text(values, true)), values);
    EXPECT_EQ(whole(array_text(values, true)), values);
  }
}

TEST_F(MatrixMarket, FieldsAndSpelling) {
  const Matrix ones = (Matrix(2, 3) << 0, 0, 1, 1, 0, 0).finished();
  EXPECT_EQ(whole("%%MatrixMarket matrix coordinate pattern general\n2 3 2\n2 1\n1 3\n"), ones);
  EXPECT_EQ(
      whole("%%matrixmarket MATRIX Coordinate Integer General\r\n%\r\n\r\n 2 3 2\r\n\r\n2\t1 1\r\n1 3 +1"),
      ones);
  EXPECT_EQ(whole("%%MatrixMarket matrix array integer general\n2 3\n0\n1\n% here too\n0\n0\n1\n0\n"), ones);
  EXPECT_EQ(whole("%%MatrixMarket matrix coordinate real general\n2 3 0\n"), Matrix::Zero(2, 3));
}

TEST_F(MatrixMarket, FewerRowsThanRanks) {
  const Matrix one = (Matrix(1, 2) << 0, 7).finished();
  EXPECT_EQ(whole("%%MatrixMarket matrix coordinate real general\n1 2 1\n1 2 7\n"), one);
  EXPECT_EQ(whole("%%MatrixMarket matrix array real general\n1 2\n0\n7\n"), one);
}

TEST_F(MatrixMarket, RowsAreSortedWhateverTheOrderOfEntries) {
  put("%%MatrixMarket matrix coordinate real general\n1 9 4\n1 9 1\n1 2 2\n1 5 0\n1 1 4\n");
  const auto share = read_matrix_market_share(comm(), path());
  const auto& rows = std::get<SparseRows>(share.rows);
  EXPECT_EQ(rows.columns, 9);
  if (rows.rows() == 0) return;
  EXPECT_EQ(rows, (SparseRows{9, {0, 4}, {0, 1, 4, 8}, {4, 2, 0, 1}}));
}

class HostileMatrixMarket : public SharedText {
 protected:
  void expect_matrix_refused(const std::string& text, const std::string& where, const std::string& cause) {
    expect_refused(text, where, cause, [&] { read_matrix_market_share(comm(), path()); });
  }
  // After the banner; `lines` begin with the sizes, line 2 of the file.
  void expect_coordinate_refused(const std::string& lines, const std::string& where, const std::string& cause,
                                 const std::string& kind = "real general") {
    expect_matrix_refused("%%MatrixMarket matrix coordinate " + kind + "\n" + lines, where, cause);
  }
  void expect_array_refused(const std::string& lines, const std::string& where, const std::string& cause,
                            const std::string& kind = "real general") {
    expect_matrix_refused("%%MatrixMarket matrix array " + kind + "\n" + lines, where, cause);
  }
};

TEST_F(HostileMatrixMarket, Banner) {
  expect_matrix_refused("", ": ", "is empty");
  expect_matrix_refused("1 2 3\n", ":1:1: ", "does not begin with %%MatrixMarket");
  const std::string banner = "%%MatrixMarket ";
  expect_matrix_refused(banner + "vector array real general\n1 1\n1\n", ":1:16: ", "the object \"vector\"");
  expect_matrix_refused(banner + "matrix dense real general\n1 1\n1\n",
                        ":1:23: ", "the format \"dense\" is not taken, only coordinate, array");
  expect_matrix_refused(banner + "matrix array complex general\n1 1\n1\n",
                        ":1:29: ", "the field \"complex\"");
  expect_matrix_refused(banner + "matrix array pattern general\n1 1\n1\n",
                        ":1:29: ", "the field \"pattern\"");
  expect_matrix_refused(banner + "matrix array real skew-symmetric\n1 1\n1\n",
                        ":1:34: ", "the symmetry \"skew-symmetric\" is not taken, only general, symmetric");
  expect_matrix_refused(banner + "matrix array real\n1 1\n1\n", ":1:33: ", "the symmetry \"\"");
  expect_matrix_refused(banner + "matrix array real general 7\n1 1\n1\n", ":1:42: ", "\"7\" follows where");
}

TEST_F(HostileMatrixMarket, Sizes) {
  expect_coordinate_refused("", ": ", "ends before the line with the matrix' sizes");
  expect_coordinate_refused("% comment\n", ": ", "ends before the line with the matrix' sizes");
  expect_coordinate_refused("2 2\n", ":2:4: ", "the number of entries is missing");
  expect_coordinate_refused("2 x 1\n", ":2:3: ", "the number of columns \"x\" is not a whole number");
  expect_coordinate_refused("0 2 0\n", ":2:1: ", "0 rows");
  expect_coordinate_refused("2 2 -1\n", ":2:5: ", "-1 entries");
  expect_coordinate_refused("2 2 1 1\n1 1 1\n", ":2:7: ", "\"1\" follows where");
  expect_coordinate_refused("2 2 1000\n1 1 1\n", ":2:1: ", "cannot be in a file of");
  expect_coordinate_refused("9000000000 2 1\n1 1 1\n", ":2:1: ", "9000000000 rows in a file of");
  expect_coordinate_refused("2 9223372036854775807 0\n", ":2:1: ", "columns: at most");
  expect_coordinate_refused("99999999999999999999 2 1\n1 1 1\n", ":2:1: ", "overflows 64 bits");
  expect_coordinate_refused("2 3 1\n1 1 1\n", ":2:1: ", "must be square", "real symmetric");
  expect_array_refused("4294967296 4294967296\n1\n", ":2:1: ", "cannot be in a file of");
  expect_array_refused("9223372036854775807 9223372036854775807\n1\n", ":2:1: ", "cannot be in a file of",
                       "real symmetric");
  expect_array_refused("1000 1000\n1\n", ":2:1: ", "with 1000000 entries cannot be in a file of");
}

TEST_F(HostileMatrixMarket, Entries) {
  expect_coordinate_refused("2 2 2\n1 1 1\n3 1 1\n", ":4:1: ", "the row index 3 is outside 1 to 2");
  expect_coordinate_refused("2 2 2\n1 1 1\n1 0 1\n", ":4:3: ", "the column index 0 is outside 1 to 2");
  expect_coordinate_refused("2 2 2\n1 1 1\n% c\n\n1 2\n", ":6:4: ", "a number is missing");
  expect_coordinate_refused("2 2 2\n1 1 1\n2\n", ":4:2: ", "the column index is missing");
  expect_coordinate_refused("2 2 2\n1 1 1\n1 2 nan\n", ":4:5: ", "only finite numbers");
  expect_coordinate_refused("2 2 2\n1 1 1\n1 2 3 4\n", ":4:7: ", "it holds row, column and value");
  expect_coordinate_refused("2 2 1\n1 1 1.5\n", ":3:5: ", "the entry \"1.5\" is not a whole",
                            "integer general");
  expect_coordinate_refused("2 2 1\n1 1 1\n", ":3:5: ", "it holds row and column", "pattern general");
  expect_coordinate_refused("2 2 1\n1 2 1\n", ":3:1: ", "above the diagonal", "real symmetric");
  expect_array_refused("2 1\n1\n2 3\n", ":4:3: ", "it holds one entry");
  expect_array_refused("2 1\n1\ninf\n", ":4:1: ", "only finite numbers");
}

TEST_F(HostileMatrixMarket, WrongNumbersOfEntriesAndEntriesGivenTwice) {
  expect_coordinate_refused("2 2 2\n1 1 1\n", ": ", "holds 1 entries where its header says 2: was it cut?");
  expect_coordinate_refused("2 2 1\n1 1 1\n1 2 1\n", ": ", "holds 2 entries where its header says 1");
  expect_array_refused("2 2\n1\n2\n3\n", ": ", "holds 3 entries where its header says 4");
  expect_coordinate_refused("3 3 3\n3 2 1\n1 1 1\n3 2 1\n", ": ", "row 3, column 2 is given twice");
  expect_coordinate_refused("3 3 3\n3 2 1\n1 1 1\n3 2 1\n", ": ", "is given twice", "real symmetric");
}

// Whatever a line of the header is changed to, the file is read or refused by name; memory stays small.
TEST_F(HostileMatrixMarket, NoChangeOfAHeaderByteCrashes) {
  const std::string text = "%%MatrixMarket matrix array real general\n2 3\n1\n2\n3\n4\n5\n6\n";
  Index accepted = 0;
  for (std::size_t place = 14; place < 46; ++place) {
    for (const char other : {' ', '\n', '9', '-', '%', '\xff'}) {
      std::string changed = text;
      changed[place] = other;
      put(changed);
      try {
        read_matrix_market_share(comm(), path());
        ++accepted;
      } catch (const DataError& error) {
        EXPECT_EQ(std::string(error.what()).rfind(path() + ":", 0), 0U) << error.what();
      }
    }
  }
  EXPECT_EQ(comm().sum(accepted), accepted * comm().size());
  EXPECT_GT(accepted, 0);
}

}  // namespace
}  // namespace attnewton
