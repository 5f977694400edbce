#include "attnewton/io/libsvm.hpp"

#include <random>

#include <fmt/format.h>

#include "shared_text.hpp"

namespace attnewton {
namespace {

class Libsvm : public SharedText {
 protected:
  // Collective: labels in column 0, then the columns; the same for any number of ranks.
  Matrix whole(const std::string& text, Index columns = 0) {
    put(text);
    const LibsvmRows share = read_libsvm_share(comm(), path(), columns);
    Matrix rows(share.rows.rows(), share.rows.columns + 1);
    rows << share.labels, dense(share.rows);
    return gather_rows(comm(), rows, share.first_row, share.total_rows);
  }
  void expect_rows_refused(const std::string& text, const std::string& where, const std::string& cause,
                           Index columns = 0) {
    expect_refused(text, where, cause, [&] { read_libsvm_share(comm(), path(), columns); });
  }
};

TEST_F(Libsvm, ThousandsOfRandomRowsComeBack) {
  std::mt19937_64 random(11);
  constexpr Index n = 3000;
  constexpr Index d = 40;
  Matrix expected = Matrix::Zero(n, d + 1);
  std::string text;
  for (Index i = 0; i < n; ++i) {
    expected(i, 0) = random() % 2 == 0 ? 1 : -1;
    text += expected(i, 0) > 0 ? "+1" : "-1";
    for (Index j = 1; j <= d; ++j) {
      if (random() % 4 != 0 && !(i == n - 1 && j == d)) continue;
      expected(i, j) = static_cast<double>(random() % 1000 + 1) / 64;
      text += fmt::format(" {}:{}", j, expected(i, j));
    }
    text += i % 5 == 0 ? "  # comment 1:x\n" : "\n";
  }
  EXPECT_EQ(whole(text), expected);
}

TEST_F(Libsvm, WhatALineMayLookLike) {
  const Matrix expected = (Matrix(4, 4) << 1, 0.5, 0, 2, -1, 0, 3, 0, 2.5, 0, 0, 0, 0, 0, 0, -4).finished();
  EXPECT_EQ(whole("# svmlight\r\n+1 1:.5 3:2 # tail\r\n\r\n-1 qid:7 2:3\r\n2.5\r\n \t0\t3:-4"), expected);
}

TEST_F(Libsvm, FewerRowsThanRanksAndGivenColumns) {
  EXPECT_EQ(whole("1 2:3\n"), (Matrix(1, 3) << 1, 0, 3).finished());
  EXPECT_EQ(whole("1 2:3\n", 4), (Matrix(1, 5) << 1, 0, 3, 0, 0).finished());
  EXPECT_EQ(whole("1\n"), (Matrix(1, 1) << 1).finished());
}

TEST_F(Libsvm, ARowLongerThanAllOthersTogether) {
  std::string text = "1 1:1\n2";
  for (int j = 1; j <= 300000; ++j) text += fmt::format(" {}:{}", j, j);
  put(text + "\n3 7:1\n");
  const LibsvmRows share = read_libsvm_share(comm(), path());
  EXPECT_EQ(share.rows.columns, 300000);
  EXPECT_EQ(share.total_rows, 3);
  EXPECT_EQ(comm().sum(share.rows.entries()), 300002);
  EXPECT_EQ(share.labels.size(), share.rows.rows());
}

TEST_F(Libsvm, Indices) {
  expect_rows_refused("1 1:1\n1 2:1 2:3\n", ":2:7: ", "the index 2 follows 2: indices rise");
  expect_rows_refused("1 1:1\n\n# c\n1 3:1 2:3\n", ":4:7: ", "the index 2 follows 3");
  expect_rows_refused("1 0:1\n", ":1:3: ", "the index 0: indices count from 1");
  expect_rows_refused("1 -3:1\n", ":1:3: ", "the index -3: indices count from 1");
  expect_rows_refused("1 x:1\n", ":1:3: ", "the index \"x\" is not a whole number");
  expect_rows_refused("1 1.5:1\n", ":1:3: ", "the index \"1.5\" is not a whole number");
  expect_rows_refused("1 :1\n", ":1:3: ", "the index \"\" is not a whole number");
  expect_rows_refused("1 99999999999999999999:1\n", ":1:3: ", "overflows 64 bits");
  expect_rows_refused("1 3:1\n1 4:1\n", ":2:3: ", "the index 4 is beyond the 3 columns asked for", 3);
}

TEST_F(Libsvm, LabelsAndValues) {
  expect_rows_refused("1 1:1\n1:1 2:2\n", ":2:1: ", "begins with its label, not with \"1:1\"");
  expect_rows_refused("one 1:1\n", ":1:1: ", "\"one\" is not a number");
  expect_rows_refused("nan 1:1\n", ":1:1: ", "only finite numbers");
  expect_rows_refused("1 1:inf\n", ":1:5: ", "only finite numbers");
  expect_rows_refused("1 1:\n", ":1:5: ", "a number is missing");
  expect_rows_refused("1 1:2 3\n", ":1:7: ", "\"3\" is not index:value");
  expect_rows_refused("1 qid:x 1:1\n", ":1:7: ", "the query number \"x\"");
  expect_rows_refused("1 1:1 qid:3\n", ":1:7: ", "the index \"qid\" is not a whole number");
  expect_rows_refused("1 1:" + std::string(2000, '9') + "\n", ":1:5: ", "a field of 2000 characters");
}

TEST_F(Libsvm, FilesWithoutRows) {
  expect_rows_refused("", ": ", "is empty");
  expect_rows_refused("# only\n\n", ": ", "holds no rows");
}

// Whatever a byte is changed to, the file is read or refused by name; what is read makes sense.
TEST_F(Libsvm, NoChangeOfAByteCrashes) {
  const std::string text = "+1 1:.5 3:2 # x\r\n-1 qid:7 2:3\n0 3:1e2 14:5";
  Index accepted = 0;
  for (std::size_t place = 0; place < text.size(); ++place) {
    for (const char other : {'\n', ' ', ':', '#', '0', '9', '-', 'e', '\xff', '\0'}) {
      std::string changed = text;
      changed[place] = other;
      put(changed);
      try {
        const LibsvmRows share = read_libsvm_share(comm(), path());
        for (const Index column : share.rows.column_indices) EXPECT_LT(column, share.rows.columns);
        EXPECT_EQ(share.rows.offsets.back(), share.rows.entries());
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
