#include "attnewton/io/npy_writer.hpp"

#include <algorithm>
#include <functional>
#include <optional>

#include <gtest/gtest.h>

#include "attnewton/io/npy.hpp"

#include "failing_writes.hpp"
#include "npy_bytes.hpp"
#include "support/temporary_folder.hpp"
#include "test_files.hpp"

namespace attnewton {
namespace {

Matrix counting_matrix(Index rows, Index columns) {
  Matrix values(rows, columns);
  for (Index i = 0; i < values.size(); ++i) values.data()[i] = static_cast<double>(i) / 3 - 5;
  return values;
}

// What numpy.save(file, array([[1, -2.5]])) writes.
std::string numpys_file() {
  std::string bytes("\x93NUMPY\x01\x00\x76\x00", 10);
  bytes += "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2), }";
  bytes.resize(127, ' ');
  return bytes + '\n' + std::string("\x00\x00\x00\x00\x00\x00\xf0\x3f\x00\x00\x00\x00\x00\x00\x04\xc0", 16);
}

TEST(NpyWriter, WritesWhatNumpyWritesByteForByte) {
  const TemporaryFolder folder(Communicator::self());
  const auto path = folder.file("a.npy");
  write_npy(path, (Matrix(1, 2) << 1, -2.5).finished());
  EXPECT_EQ(content_of(path), numpys_file());

  const std::vector<Index> indices = {3, -1};
  write_npy_indices(path, indices);
  std::string expected("\x93NUMPY\x01\x00\x76\x00", 10);
  expected += "{'descr': '<i8', 'fortran_order': False, 'shape': (2,), }";
  expected.resize(127, ' ');
  EXPECT_EQ(content_of(path), expected + '\n' + raw_bytes(indices));
  EXPECT_EQ(folder.names(), std::vector<std::string>{"a.npy"});
}

TEST(NpyWriter, WhatItWritesIsReadBack) {
  const TemporaryFolder folder(Communicator::self());
  const auto path = folder.file("a.npy");
  for (const auto& [rows, columns] : {std::pair<Index, Index>{0, 0}, {0, 3}, {1, 1}, {5, 0}, {17, 3}}) {
    const Matrix values = counting_matrix(rows, columns);
    write_npy(path, values);
    const Matrix read = read_npy(path);
    ASSERT_EQ(read.rows(), rows);
    ASSERT_EQ(read.cols(), columns);
    EXPECT_EQ(read, values);
  }
  for (const auto& indices : {std::vector<Index>{}, {0, -4, Index{1} << 62}}) {
    write_npy_indices(path, indices);
    EXPECT_EQ(read_npy_indices(path), indices);
  }
}

TEST(NpyWriter, AWriteThatFailsHalfWayLeavesTheOldFile) {
  const TemporaryFolder folder(Communicator::self());
  const auto path = folder.file("a.npy");
  write_npy(path, Matrix::Ones(2, 2));
  {
    const FileSizeLimit limit(5000);
    const auto message = error_of(ExitCode::io, path, [&] { write_npy(path, Matrix::Zero(100, 100)); });
    EXPECT_NE(message.find("File too large"), std::string::npos) << message;
  }
  EXPECT_EQ(read_npy(path), Matrix::Ones(2, 2));
  EXPECT_EQ(folder.names(), std::vector<std::string>{"a.npy"});
}

// One rank's rows of a file that all ranks write.
struct Share {
  Range rows;
  Matrix values;
};

Share share_of(const Matrix& whole, Range rows) {
  return {rows, whole.middleRows(rows.begin, rows.size())};
}

// Even ranges in rank order; the first ranks are idle if there are fewer rows than ranks.
Range even_range(Index rows_total, const Communicator& comm) {
  return {rows_total * comm.rank() / comm.size(), rows_total * (comm.rank() + 1) / comm.size()};
}

TEST(NpyRowsWriter, RanksTogetherWriteTheBytesThatOneWouldWrite) {
  const auto comm = Communicator::world();
  const TemporaryFolder folder(comm);
  for (const Index rows_total : {0, 1, 2, 3, 1001}) {
    const Matrix whole = counting_matrix(rows_total, 7);
    const auto name = std::to_string(rows_total);
    const Share share = share_of(whole, even_range(rows_total, comm));
    write_npy_rows(comm, folder.file(name), share.values, share.rows, rows_total, 7);
    if (comm.is_root()) write_npy(folder.file("alone"), whole);
    comm.barrier();
    EXPECT_EQ(content_of(folder.file(name)), content_of(folder.file("alone"))) << rows_total;
    comm.barrier();
  }
  EXPECT_EQ(folder.names(), (std::vector<std::string>{"0", "1", "1001", "2", "3", "alone"}));
}

TEST(NpyRowsWriter, RangesNeedNotFollowTheRanksOrder) {
  const auto comm = Communicator::world();
  const TemporaryFolder folder(comm);
  const Matrix whole = counting_matrix(10, 2);
  const Index from_last = comm.size() - 1 - comm.rank();
  const Share share = share_of(whole, {10 * from_last / comm.size(), 10 * (from_last + 1) / comm.size()});
  write_npy_rows(comm, folder.file("a.npy"), share.values, share.rows, 10, 2);
  EXPECT_EQ(read_npy(folder.file("a.npy")), whole);
}

TEST(NpyRowsWriter, IdleRanksMayPassAnEmptyMatrix) {
  const auto comm = Communicator::world();
  const TemporaryFolder folder(comm);
  const bool last = comm.rank() == comm.size() - 1;
  write_npy_rows(comm, folder.file("a.npy"), last ? counting_matrix(4, 3) : Matrix(),
                 last ? Range{0, 4} : Range{0, 0}, 4, 3);
  EXPECT_EQ(read_npy(folder.file("a.npy")), counting_matrix(4, 3));
}

// Every rank must meet the same error with the same message.
std::string agreed_error(const Communicator& comm, ExitCode code, const std::function<void()>& call) {
  std::string mine = "no error";
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    mine = error.what();
  }
  const auto all = comm.all_gather(mine);
  EXPECT_EQ(std::count(all.begin(), all.end(), mine), comm.size()) << mine;
  EXPECT_NE(mine, "no error");
  return mine;
}

// Permissions would not stop root: a folder that is a file stops everyone.
TEST(NpyRowsWriter, APlaceThatCannotBeWrittenFailsAlikeOnAllRanks) {
  const auto comm = Communicator::world();
  const TemporaryFolder folder(comm);
  if (comm.is_root()) put_file(folder.file("file"), "x");
  comm.barrier();
  const auto path = folder.file("file/a.npy");
  const Share share = share_of(counting_matrix(9, 2), even_range(9, comm));
  const auto message =
      agreed_error(comm, ExitCode::io, [&] { write_npy_rows(comm, path, share.values, share.rows, 9, 2); });
  EXPECT_EQ(message.rfind(path + ": cannot be created: Not a directory", 0), 0U) << message;
  EXPECT_EQ(folder.names(), std::vector<std::string>{"file"});
}

TEST(NpyRowsWriter, OneRanksFullDiskFailsAlikeOnAllRanksAndLeavesNothing) {
  const auto comm = Communicator::world();
  const TemporaryFolder folder(comm);
  const Matrix whole = counting_matrix(1000, 4);
  const Share share = share_of(whole, even_range(1000, comm));
  std::string message;
  {
    std::optional<FileSizeLimit> limit;
    if (comm.rank() == comm.size() - 1) limit.emplace(20000);
    message = agreed_error(comm, ExitCode::io, [&] {
      write_npy_rows(comm, folder.file("a.npy"), share.values, share.rows, 1000, 4);
    });
  }
  EXPECT_NE(message.find("File too large"), std::string::npos) << message;
  comm.barrier();
  EXPECT_EQ(folder.names(), std::vector<std::string>{});
}

TEST(NpyRowsWriter, RangesThatDoNotTileTheFileAreRefusedAlike) {
  const auto comm = Communicator::world();
  const TemporaryFolder folder(comm);
  const auto expect_refused = [&](Range rows, Index rows_here, Index rows_total) {
    const Matrix values = Matrix::Zero(rows_here, 2);
    agreed_error(comm, ExitCode::internal,
                 [&] { write_npy_rows(comm, folder.file("a.npy"), values, rows, rows_total, 2); });
  };
  const Index r = comm.rank();
  const Index p = comm.size();
  expect_refused({r, r + 1}, 1, p + 1);      // a row is missing at the end
  expect_refused({r + 1, r + 2}, 1, p + 1);  // at the beginning
  expect_refused({r, r + 1}, 2, p);          // more rows than the range has
  expect_refused({r, r + 1}, 1, p - 1);      // beyond the end
  if (p > 1) {
    expect_refused({0, p}, p, p);          // each row written by all
    expect_refused({r, r + 1}, 1, p + r);  // ranks disagree about the shape
  }
  EXPECT_EQ(folder.names(), std::vector<std::string>{});
}

}  // namespace
}  // namespace attnewton
