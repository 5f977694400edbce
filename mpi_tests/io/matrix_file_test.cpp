#include "attnewton/io/matrix_file.hpp"

#include <cmath>

#include "attnewton/io/libsvm_writer.hpp"
#include "attnewton/io/npy_writer.hpp"
#include "attnewton/linalg/row_partition.hpp"

#include "shared_text.hpp"

namespace attnewton {
namespace {

const std::string csv_text = "x,y\n1,2\n3,4\n5,6\n";
const std::string libsvm_text = "7 1:1 2:2\n8 1:3 2:4\n9 1:5 2:6\n";
const std::string market_coordinate_text =
    "%%MatrixMarket matrix coordinate real general\n3 2 6\n1 1 1\n1 2 2\n2 1 3\n2 2 4\n3 1 5\n3 2 6\n";
const std::string market_array_text = "%%MatrixMarket matrix array real general\n3 2\n1\n3\n5\n2\n4\n6\n";

class MatrixFile : public SharedText {
 protected:
  // Collective: a file `name` with this text in the shared folder.
  std::string put_as(const std::string& name, const std::string& text) const {
    std::string path = folder().file(name);
    comm().barrier();
    if (comm().is_root()) put_file(path, text);
    comm().barrier();
    return path;
  }
  std::string put_npy(const std::string& name, const Matrix& matrix) const {
    std::string path = folder().file(name);
    comm().barrier();
    if (comm().is_root()) write_npy(path, matrix);
    comm().barrier();
    return path;
  }
  // Collective: the whole matrix of a file.
  Matrix whole(const MatrixFileShare& share) const {
    const Matrix rows = std::holds_alternative<Matrix>(share.rows) ? std::get<Matrix>(share.rows)
                                                                   : dense(std::get<SparseRows>(share.rows));
    return gather_rows(comm(), rows, share.first_row, share.total_rows);
  }
  Range my_rows(Index rows) const { return even_row_partition(rows, comm().size()).range(comm().rank()); }
  std::string refused(const std::string& path) const {
    return error_of(ExitCode::bad_data, path,
                    [&] { read_column_share(comm(), path, my_rows(3), "b", "A (a.npy)"); });
  }
};

Matrix expected() {
  Matrix matrix(3, 2);
  matrix << 1, 2, 3, 4, 5, 6;
  return matrix;
}

TEST_F(MatrixFile, EndingsNameFormats) {
  EXPECT_EQ(matrix_format("a/b.npy"), MatrixFormat::npy);
  EXPECT_EQ(matrix_format("B.CSV"), MatrixFormat::csv);
  EXPECT_EQ(matrix_format("x.y.mtx"), MatrixFormat::matrix_market);
  EXPECT_EQ(matrix_format("x.svm"), MatrixFormat::libsvm);
  EXPECT_EQ(matrix_format("x.parquet"), std::nullopt);
  EXPECT_EQ(matrix_format("npy"), std::nullopt);
}

TEST_F(MatrixFile, EveryFormatGivesTheSameRows) {
  for (const std::string& path : {put_as("a.csv", csv_text), put_as("a.tsv", "1\t2\n3\t4\n5\t6\n"),
                                  put_as("a.libsvm", libsvm_text), put_as("a.mtx", market_coordinate_text),
                                  put_as("b.mm", market_array_text), put_npy("a.npy", expected())}) {
    const MatrixFileShare share = read_matrix_file_share(comm(), path);
    EXPECT_EQ(share.total_rows, 3) << path;
    EXPECT_EQ(share.columns(), 2) << path;
    EXPECT_EQ(whole(share), expected()) << path;
  }
}

TEST_F(MatrixFile, SparseFormatsStaySparseAndLabelsAndNamesAreKept) {
  const MatrixFileShare labelled = read_matrix_file_share(comm(), put_as("a.libsvm", libsvm_text));
  EXPECT_TRUE(std::holds_alternative<SparseRows>(labelled.rows));
  ASSERT_TRUE(labelled.labels.has_value());
  for (Index i = 0; i < labelled.local_rows(); ++i)
    EXPECT_EQ((*labelled.labels)[i], static_cast<double>(7 + labelled.first_row + i));
  const MatrixFileShare named = read_matrix_file_share(comm(), put_as("a.csv", csv_text));
  EXPECT_EQ(named.names, (std::vector<std::string>{"x", "y"}));
  EXPECT_FALSE(named.labels.has_value());
}

TEST_F(MatrixFile, WrittenSparseRowsComeBackToTheBit) {
  const Range mine = my_rows(1000);
  SparseRows rows;
  rows.columns = 12;
  Vector labels(mine.size());
  for (Index i = mine.begin; i < mine.end; ++i) {
    for (Index j = i % 3; j < 12; j += 1 + i % 4) {
      rows.column_indices.push_back(j);
      rows.values.push_back(std::sin(static_cast<double>(13 * i + j)) * std::pow(10.0, i % 40 - 20));
    }
    rows.offsets.push_back(rows.entries());
    labels[i - mine.begin] = 1 / (1.0 + static_cast<double>(i));
  }
  const std::string path = folder().file("written.libsvm");
  write_libsvm_rows(comm(), path, rows, labels);
  const MatrixFileShare read = read_matrix_file_share(comm(), path);
  EXPECT_EQ(read.total_rows, 1000);
  EXPECT_EQ(whole(read), gather_rows(comm(), dense(rows), mine.begin, 1000));
  EXPECT_EQ(gather_rows(comm(), *read.labels, read.first_row, 1000),
            gather_rows(comm(), labels, mine.begin, 1000));
}

TEST_F(MatrixFile, AColumnFollowsRowsThatAreAlreadySpread) {
  Matrix column(5, 1);
  column << 1, 2, 3, 4, 5;
  const bool is_last = comm().rank() == comm().size() - 1;
  const std::vector<std::string> paths = {put_npy("b.npy", column), put_as("b.csv", "1\n2\n3\n4\n5\n")};
  // All rows on the last rank is not the share that a reader would give it.
  for (const Range rows : {my_rows(5), is_last ? Range{0, 5} : Range{0, 0}}) {
    for (const std::string& path : paths) {
      const Vector read = read_column_share(comm(), path, rows, "b", "A (a.npy)");
      ASSERT_EQ(read.size(), rows.size());
      for (Index i = 0; i < read.size(); ++i) EXPECT_EQ(read[i], static_cast<double>(rows.begin + i + 1));
    }
  }
}

TEST_F(MatrixFile, WhatIsNoColumnOfTheseRowsIsRefused) {
  EXPECT_NE(refused(put_as("wide.csv", csv_text)).find("b has 2 columns"), std::string::npos);
  const std::string message = refused(put_as("long.csv", "1\n2\n"));
  EXPECT_NE(message.find("b has 2 rows, but A (a.npy) has 3"), std::string::npos) << message;
  EXPECT_NE(refused(put_as("b.mtx", market_coordinate_text)).find("sparse"), std::string::npos);
  EXPECT_NE(refused(put_as("b.json", "[1]")).find(".npy, .csv"), std::string::npos);
}

}  // namespace
}  // namespace attnewton
