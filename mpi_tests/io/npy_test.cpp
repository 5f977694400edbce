#include "attnewton/io/npy.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <limits>

#include <gtest/gtest.h>

#include "npy_bytes.hpp"
#include "support/temporary_folder.hpp"
#include "test_files.hpp"

namespace attnewton {
namespace {

class Npy : public testing::Test {
 protected:
  // Writes `bytes` to a file of this rank's and gives its path.
  std::string put(const std::string& bytes, const std::string& name = "a.npy") const {
    put_file(folder_.file(name), bytes);
    return folder_.file(name);
  }
  const TemporaryFolder& folder() const { return folder_; }

 private:
  TemporaryFolder folder_{Communicator::self()};
};

// 64-bit little-endian 1.0, -2.5, 0.1 as numpy.save wrote them, every byte by hand.
TEST_F(Npy, ReadsAFileOfNumpysByteForByte) {
  std::string bytes("\x93NUMPY\x01\x00\x76\x00", 10);
  bytes += "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 3), }";
  bytes.resize(127, ' ');
  bytes += '\n';
  bytes += std::string("\x00\x00\x00\x00\x00\x00\xf0\x3f", 8);
  bytes += std::string("\x00\x00\x00\x00\x00\x00\x04\xc0", 8);
  bytes += std::string("\x9a\x99\x99\x99\x99\x99\xb9\x3f", 8);
  const auto path = put(bytes);
  const NpyFile file = open_npy(path);
  EXPECT_EQ(file.path, path);
  EXPECT_EQ(file.type, NpyType::float64);
  EXPECT_EQ(file.shape, (std::vector<Index>{1, 3}));
  EXPECT_EQ(file.data_offset, 128);
  EXPECT_EQ(read_npy(path), (Matrix(1, 3) << 1.0, -2.5, 0.1).finished());
}

TEST_F(Npy, ReadsFloat32AsTheDoublesThatItMeans) {
  const Matrix read = read_npy(put(npy_bytes<float>("<f4", "(3, 2)", {0.1F, -1, 2, 3, 1e38F, -0.0F})));
  EXPECT_EQ(read, (Matrix(3, 2) << double{0.1F}, -1, 2, 3, double{1e38F}, 0).finished());
}

TEST_F(Npy, ReadsOneDimensionAsAColumn) {
  const auto path = put(npy_bytes<double>("<f8", "(3,)", {1, 2, 3}));
  const NpyFile file = open_npy(path);
  EXPECT_EQ(file.rows(), 3);
  EXPECT_EQ(file.columns(), 1);
  EXPECT_EQ(read_npy(path), (Matrix(3, 1) << 1, 2, 3).finished());
}

TEST_F(Npy, ReadsEmptyArrays) {
  const Matrix no_rows = read_npy(put(npy_bytes<double>("<f8", "(0, 3)", {})));
  EXPECT_EQ(no_rows.rows(), 0);
  EXPECT_EQ(no_rows.cols(), 3);
  const Matrix no_columns = read_npy(put(npy_bytes<float>("<f4", "(4, 0)", {})));
  EXPECT_EQ(no_columns.rows(), 4);
  EXPECT_EQ(no_columns.cols(), 0);
  EXPECT_EQ(read_npy(put(npy_bytes<double>("<f8", "(0,)", {}))).rows(), 0);
}

TEST_F(Npy, ReadsVersionsTwoAndThree) {
  for (const int major : {2, 3}) {
    const auto path = put(npy_header_bytes(npy_dict("<f8", "(2, 1)"), major) + raw_bytes<double>({5, 6}));
    EXPECT_EQ(read_npy(path), (Matrix(2, 1) << 5, 6).finished()) << major;
  }
}

TEST_F(Npy, TakesTheDictInAnyOrderAndSpacing) {
  const auto path = put(npy_header_bytes("  { \"shape\":(2L,1L,) ,'fortran_order' :False,'descr':'<f8'}  ") +
                        raw_bytes<double>({5, 6}));
  EXPECT_EQ(read_npy(path), (Matrix(2, 1) << 5, 6).finished());
}

TEST_F(Npy, FortranOrderIsHarmlessWhereADimensionIsOne) {
  for (const std::string shape : {"(3,)", "(3, 1)", "(1, 3)"}) {
    const auto path = put(npy_header_bytes(npy_dict("<f8", shape, true)) + raw_bytes<double>({1, 2, 3}));
    EXPECT_EQ(read_npy(path).sum(), 6) << shape;
  }
}

// Long enough that one row range takes several parts of the reader's buffer.
TEST_F(Npy, RowRangesAreThoseRowsOfTheWhole) {
  std::vector<float> values(100003UL * 3);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) / 7;
  const auto path = put(npy_bytes("<f4", "(100003, 3)", values));
  const NpyFile file = open_npy(path);
  const Matrix whole = read_npy(path);
  EXPECT_EQ(whole(100002, 2), double{values.back()});
  EXPECT_EQ(whole(50000, 1), double{values[150001]});
  for (const Range rows : {Range{0, 1}, {1, 7}, {99999, 100003}, {2, 90000}, {5, 5}, {100003, 100003}}) {
    const Matrix part = read_npy_rows(file, rows);
    ASSERT_EQ(part.rows(), rows.size());
    EXPECT_EQ(part, whole.middleRows(rows.begin, rows.size())) << rows.begin;
  }
}

TEST_F(Npy, RefusesARangeOutsideTheFile) {
  const NpyFile file = open_npy(put(npy_bytes<double>("<f8", "(2, 1)", {1, 2})));
  for (const Range rows : {Range{-1, 1}, {0, 3}, {2, 1}, {3, 3}}) {
    EXPECT_THROW(read_npy_rows(file, rows), InternalError) << rows.begin;
  }
}

// Row by row where long stretches lie between the columns, in one go where short ones do.
TEST_F(Npy, EachRankReadsItsOwnColumns) {
  const auto comm = Communicator::world();
  for (const Index columns : {Index{7}, Index{300}, Index{40000}}) {
    const Index rows = columns > 1000 ? 9 : 997;
    std::vector<double> values;
    std::vector<float> rounded;
    for (Index i = 0; i < rows * columns; ++i) {
      values.push_back(static_cast<double>((i * 7919) % 1000003) / 8);
      rounded.push_back(static_cast<float>(values.back()));
    }
    const std::string shape = "(" + std::to_string(rows) + ", " + std::to_string(columns) + ")";
    for (const auto& path : {put(npy_bytes("<f8", shape, values), "double.npy"),
                             put(npy_bytes("<f4", shape, rounded), "single.npy")}) {
      const NpyFile file = open_npy(path);
      const Matrix whole = read_npy(path);
      const Range own{columns * comm.rank() / comm.size(), columns * (comm.rank() + 1) / comm.size()};
      for (const Range range :
           {own, Range{0, columns}, {0, 1}, {columns - 1, columns}, {3, 3}, {2, columns - 1}}) {
        const Matrix part = read_npy_columns(file, range);
        ASSERT_EQ(part.cols(), range.size());
        EXPECT_EQ(part, whole.middleCols(range.begin, range.size())) << path << ' ' << range.begin;
      }
    }
  }
}

TEST_F(Npy, ReadsColumnsOfEmptyAndOneDimensionalArrays) {
  const NpyFile no_rows = open_npy(put(npy_bytes<double>("<f8", "(0, 3)", {})));
  EXPECT_EQ(read_npy_columns(no_rows, {1, 3}).rows(), 0);
  EXPECT_EQ(read_npy_columns(no_rows, {1, 3}).cols(), 2);
  const NpyFile no_columns = open_npy(put(npy_bytes<float>("<f4", "(4, 0)", {})));
  EXPECT_EQ(read_npy_columns(no_columns, {0, 0}).rows(), 4);
  const NpyFile line = open_npy(put(npy_bytes<double>("<f8", "(3,)", {1, 2, 3})));
  EXPECT_EQ(read_npy_columns(line, {0, 1}), (Matrix(3, 1) << 1, 2, 3).finished());
}

TEST_F(Npy, RefusesColumnsOutsideTheFile) {
  const NpyFile file = open_npy(put(npy_bytes<double>("<f8", "(1, 2)", {1, 2})));
  for (const Range columns : {Range{-1, 1}, {0, 3}, {2, 1}, {3, 3}}) {
    EXPECT_THROW(read_npy_columns(file, columns), InternalError) << columns.begin;
  }
}

// A file with a hole: 5 GiB to look at, one page on disk.
TEST_F(Npy, ReadsRowsBeyondFourGibibytes) {
  if (!Communicator::world().is_root()) return;
  const Index rows = Index{5} << 27;
  const auto header = npy_header_bytes(npy_dict("<f8", "(" + std::to_string(rows) + ", 1)"));
  const auto path = put(header, "large.npy");
  const double last = 42;
  const int file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  const auto written =
      ::pwrite(file, &last, sizeof last, static_cast<Index>(header.size()) + (rows - 1) * Index{sizeof last});
  ::close(file);
  ASSERT_EQ(written, Index{sizeof last});
  EXPECT_EQ(read_npy_rows(open_npy(path), {rows - 2, rows}), (Matrix(2, 1) << 0, 42).finished());

  const Index columns = rows / 2;
  const auto wide_header = npy_header_bytes(npy_dict("<f8", "(2, " + std::to_string(columns) + ")"));
  const auto wide = put(wide_header, "wide.npy");
  const int wide_file = ::open(wide.c_str(), O_WRONLY | O_CLOEXEC);
  const auto end = static_cast<Index>(wide_header.size()) + rows * Index{sizeof last};
  const auto put_down = ::pwrite(wide_file, &last, sizeof last, end - Index{sizeof last});
  ::close(wide_file);
  ASSERT_EQ(put_down, Index{sizeof last});
  EXPECT_EQ(read_npy_columns(open_npy(wide), {columns - 2, columns}),
            (Matrix(2, 2) << 0, 0, 0, 42).finished());
}

TEST_F(Npy, ReadsIndicesOfBothWidths) {
  EXPECT_EQ(read_npy_indices(put(npy_bytes<std::int32_t>("<i4", "(3,)", {0, -7, 2147483647}))),
            (std::vector<Index>{0, -7, 2147483647}));
  EXPECT_EQ(read_npy_indices(put(npy_bytes<std::int64_t>("<i8", "(2,)", {1, Index{1} << 40}))),
            (std::vector<Index>{1, Index{1} << 40}));
  EXPECT_TRUE(read_npy_indices(put(npy_bytes<std::int64_t>("<i8", "(0,)", {}))).empty());
}

TEST_F(Npy, NonFiniteNumbersAreNamedByTheirPlaceInTheFile) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  std::vector<double> values(70000UL * 4, 1.0);
  values[40000UL * 4 + 3] = std::numeric_limits<double>::quiet_NaN();
  values[50000UL * 4] = -infinity;
  const auto path = put(npy_bytes("<f8", "(70000, 4)", values));
  const NpyFile file = open_npy(path);
  const auto message_of = [&](Range rows) {
    return error_of(ExitCode::bad_data, path, [&] { read_npy_rows(file, rows); });
  };
  EXPECT_EQ(message_of({10, 70000}), path + ": NaN at row 40000, column 3 (counted from 0)");
  EXPECT_EQ(message_of({49999, 50001}), path + ": -inf at row 50000, column 0 (counted from 0)");
  EXPECT_EQ(read_npy_rows(file, {40001, 50000}).sum(), 9999 * 4);
  const auto message_in_columns = [&](Range columns) {
    return error_of(ExitCode::bad_data, path, [&] { read_npy_columns(file, columns); });
  };
  EXPECT_EQ(message_in_columns({2, 4}), path + ": NaN at row 40000, column 3 (counted from 0)");
  EXPECT_EQ(message_in_columns({0, 3}), path + ": -inf at row 50000, column 0 (counted from 0)");
  EXPECT_EQ(read_npy_columns(file, {1, 3}).sum(), 70000 * 2);

  const auto single = put(npy_bytes<float>("<f4", "(3,)", {1, 2, std::numeric_limits<float>::infinity()}));
  EXPECT_EQ(error_of(ExitCode::bad_data, single, [&] { read_npy(single); }),
            single + ": inf at row 2, column 0 (counted from 0)");
}

TEST_F(Npy, TypesThatDoNotFitTheUseAreRefusedWithTheMend) {
  const auto integers = put(npy_bytes<std::int64_t>("<i8", "(2,)", {1, 2}), "integers.npy");
  EXPECT_NE(error_of(ExitCode::bad_data, integers, [&] { read_npy(integers); }).find("holds int64"),
            std::string::npos);
  EXPECT_NE(error_of(ExitCode::bad_data, integers,
                     [&] {
                       read_npy_columns(open_npy(integers), {0, 1});
                     })
                .find("holds int64"),
            std::string::npos);
  const auto numbers = put(npy_bytes<float>("<f4", "(2,)", {1, 2}), "numbers.npy");
  EXPECT_NE(error_of(ExitCode::bad_data, numbers, [&] { read_npy_indices(numbers); }).find("astype('<i8')"),
            std::string::npos);
  const auto table = put(npy_bytes<std::int64_t>("<i8", "(2, 1)", {1, 2}), "table.npy");
  EXPECT_NE(error_of(ExitCode::bad_data, table, [&] { read_npy_indices(table); }).find("(2, 1)"),
            std::string::npos);
}

TEST_F(Npy, AFileThatShrankSinceItWasOpenedIsNoticed) {
  const auto path = put(npy_bytes<double>("<f8", "(4, 1)", {1, 2, 3, 4}));
  const NpyFile file = open_npy(path);
  ASSERT_EQ(::truncate(path.c_str(), file.data_offset + 8), 0);
  const auto message = error_of(ExitCode::bad_data, path, [&] { read_npy_rows(file, {0, 1}); });
  EXPECT_NE(message.find("is truncated"), std::string::npos) << message;
  EXPECT_EQ(error_of(ExitCode::bad_data, path, [&] { read_npy_columns(file, {0, 1}); }), message);
}

}  // namespace
}  // namespace attnewton
