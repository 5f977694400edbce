// Npy files that are wrong, by mistake or by intent: each ends in an error that names the file and the cause.
#include <sys/stat.h>

#include <functional>

#include <gtest/gtest.h>

#include "attnewton/io/npy.hpp"

#include "npy_bytes.hpp"
#include "support/temporary_folder.hpp"
#include "test_files.hpp"

namespace attnewton {
namespace {

class HostileNpy : public testing::Test {
 protected:
  // open_npy() on `bytes` fails as bad data, and the message has `cause` in it.
  void expect_refused(const std::string& bytes, const std::string& cause) const {
    put_file(path(), bytes);
    const auto message = error_of(ExitCode::bad_data, path(), [&] { open_npy(path()); });
    EXPECT_NE(message.find(cause), std::string::npos) << message << "\nlacks: " << cause;
  }
  void expect_dict_refused(const std::string& dict, const std::string& cause) const {
    expect_refused(npy_header_bytes(dict) + raw_bytes<double>({1, 2}), cause);
  }
  std::string path() const { return folder_.file("hostile.npy"); }
  const TemporaryFolder& folder() const { return folder_; }

 private:
  TemporaryFolder folder_{Communicator::self()};
};

TEST_F(HostileNpy, WhatCannotBeReadIsAnIoError) {
  const auto message_of = [&](const std::string& path) {
    return error_of(ExitCode::io, path, [&] { open_npy(path); });
  };
  EXPECT_NE(message_of(folder().file("none.npy")).find("No such file"), std::string::npos);
  EXPECT_NE(message_of(folder().path()).find("is a folder"), std::string::npos);
  EXPECT_NE(message_of("/dev/null").find("not a regular file"), std::string::npos);
  const auto pipe = folder().file("pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_NE(message_of(pipe).find("not a regular file"), std::string::npos);
}

TEST_F(HostileNpy, Magic) {
  expect_refused("", "it is empty");
  expect_refused("\x93NUM", "magic");
  expect_refused("1,2,3\n4,5,6\n", "numpy.save");
  expect_refused("PK\x03\x04 and so on", "npz archive");
}

TEST_F(HostileNpy, VersionAndHeaderLength) {
  expect_refused(npy_header_bytes(npy_dict("<f8", "(2,)"), 4), "version 4.0");
  expect_refused(npy_header_bytes(npy_dict("<f8", "(2,)"), 0), "version 0.0");
  expect_refused(std::string("\x93NUMPY\x01\x07\x10\x00{", 11), "version 1.7");
  expect_refused(std::string("\x93NUMPY\x01\x00\x10", 9), "cut at byte 9");
  expect_refused(std::string("\x93NUMPY\x02\x00\x10\x00", 10), "cut at byte 10");
  expect_refused(std::string("\x93NUMPY\x01\x00\xff\xff{", 11), "claims 65535 bytes, but the file has 11");
  expect_refused(std::string("\x93NUMPY\x02\x00\xff\xff\xff\xff{", 13), "claims 4294967295 bytes, more than");
  expect_refused(npy_header_bytes(std::string((1U << 20) + 1, ' '), 2), "claims 1048577 bytes, more than");
}

TEST_F(HostileNpy, JunkInsteadOfTheDict) {
  expect_dict_refused("", "expected '{'");
  expect_dict_refused("import os", "expected '{', found \"import os\"");
  expect_dict_refused("{", "expected a quoted string");
  expect_dict_refused("{}", "lacks one of");
  expect_dict_refused("{'descr': '<f8', 'shape': (2,), }", "lacks one of");
  expect_dict_refused("{'descr': '<f8', 'descr': '<f4', }", "the key \"descr\" twice");
  expect_dict_refused("{'colour': 'red', }", "the key \"colour\" which the format does not know");
  expect_dict_refused("{'descr': '<f8", "a closing quote");
  expect_dict_refused("{'descr' '<f8'", "expected ':'");
  expect_dict_refused("{'fortran_order': None}", "expected True or False");
  expect_dict_refused(npy_dict("<f8", "(2,)") + "x", "nothing but blanks");
  expect_dict_refused("{'descr': '<f8' 'shape'", "',' or '}'");
  expect_dict_refused("{\x1b[2J\x01", "found \"?[2J?\"");  // no control character reaches the terminal
}

TEST_F(HostileNpy, TypesThatAreNotAccepted) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {">f8", "big-endian"}, {"|O", "Python objects"}, {"<c16", "complex"},
      {"|b1", "bool"},       {"|u1", "unsigned"},      {"<i2", "integers of another width"},
      {"<f2", "floating"},   {"<U5", "text"},          {"", "unknown"},
      {"<f88", "floating"},  {"f8", "unknown"}};
  for (const auto& [descr, kind] : cases) {
    expect_dict_refused(npy_dict(descr, "(2,)"), std::string("dtype \"").append(descr) + "\" (" + kind);
    expect_dict_refused(npy_dict(descr, "(2,)"), "only float32, float64, int32 and int64");
  }
  expect_dict_refused("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (2,), }",
                      "structured dtype");
}

TEST_F(HostileNpy, ShapesThatMakeNoSense) {
  const auto expect_shape_refused = [&](const std::string& shape, const std::string& cause) {
    expect_dict_refused(npy_dict("<f8", shape), cause);
  };
  expect_shape_refused("()", "0-dimensional");
  expect_shape_refused("(1, 1, 2)", "has 3 dimensions");
  expect_shape_refused("(-2,)", "negative shape: \"-2\"");
  expect_shape_refused("(2)", "is a tuple");
  expect_shape_refused("2", "a tuple such as");
  expect_shape_refused("(2, x)", "expected a number, found \"x)");
  expect_shape_refused("(1 2)", "is a tuple");
  expect_shape_refused("(1, 2 3)", "',' or ')'");
  expect_shape_refused("(2", "expected a number, found \"}");
  expect_shape_refused("(99999999999999999999,)", "overflows 64 bits: \"99999999999999999999\"");
  expect_shape_refused("(4294967296, 4294967296)", "(4294967296, 4294967296) overflows");
  expect_shape_refused("(2305843009213693952,)",
                       "(2305843009213693952,) overflows");  // times 8 bytes is 2^64
  expect_shape_refused("(0, 9000000000000000000)", "an empty array may have");
  expect_shape_refused("(9000000000000000000, 0)", "an empty array may have");
  expect_shape_refused("(1000000000, 1000000)", "is truncated");
}

TEST_F(HostileNpy, FortranOrder) {
  expect_refused(npy_header_bytes(npy_dict("<f8", "(2, 2)", true)) + raw_bytes<double>({1, 2, 3, 4}),
                 "Fortran order (shape (2, 2)): save it as numpy.ascontiguousarray");
}

TEST_F(HostileNpy, DataOfTheWrongSize) {
  const auto bytes = npy_bytes<double>("<f8", "(2, 3)", {1, 2, 3, 4, 5, 6});
  expect_refused(bytes.substr(0, bytes.size() - 1),
                 "is truncated: shape (2, 3) of float64 takes 48 bytes of data, the file has 47");
  expect_refused(npy_header_bytes(npy_dict("<f8", "(2, 3)")), "takes 48 bytes of data, the file has 0");
  expect_refused(bytes + "xyz", "3 bytes follow the array");
}

// Reads `bytes` every way there is; they may be refused as bad data but not crash, exhaust memory or give
// more than the bytes can hold. True if they were accepted.
bool survives(const std::string& path, const std::string& bytes) {
  put_file(path, bytes);
  const auto size = static_cast<Index>(bytes.size());
  try {
    const NpyFile file = open_npy(path);
    EXPECT_LE(file.data_offset, size);
    EXPECT_GE(file.rows(), 0);
    EXPECT_LE(file.rows() * file.columns(), size);
    if (file.type == NpyType::float32 || file.type == NpyType::float64) {
      const Matrix read = read_npy(path);
      EXPECT_EQ(read.rows(), file.rows());
      EXPECT_EQ(read.cols(), file.columns());
      EXPECT_TRUE(read.allFinite());
      EXPECT_EQ(read_npy_columns(file, {0, file.columns()}), read);
    } else if (file.shape.size() == 1) {
      EXPECT_EQ(static_cast<Index>(read_npy_indices(path).size()), file.rows());
    }
    return true;
  } catch (const DataError& error) {
    EXPECT_EQ(std::string(error.what()).rfind(path + ": ", 0), 0U) << error.what();
    return false;
  }
}

TEST_F(HostileNpy, EveryTruncationIsRefused) {
  for (const int major : {1, 2}) {
    const auto bytes =
        npy_header_bytes(npy_dict("<f4", "(3, 2)"), major) + raw_bytes<float>({1, 2, 3, 4, 5, 6});
    EXPECT_TRUE(survives(path(), bytes));
    for (std::size_t length = 0; length < bytes.size(); ++length) {
      EXPECT_FALSE(survives(path(), bytes.substr(0, length))) << length;
    }
  }
}

// Each byte of the header is changed to others that mean something to the format and to each single bit's
// flip.
TEST_F(HostileNpy, NoChangeOfAHeaderByteCrashes) {
  int accepted = 0;
  for (const std::string descr : {"<f4", "<i4"}) {
    const auto header = npy_header_bytes(npy_dict(descr, "(6,)"), 2);
    const auto bytes = header + raw_bytes<float>({1, 2, 3, 4, 5, 6});
    const std::string meaningful = std::string("\0", 1) + "\xff\x80 {}()[]'\",:-09L<>fi\n";
    for (std::size_t place = 0; place < header.size(); ++place) {
      auto changed = bytes;
      for (const char other : meaningful) {
        changed[place] = other;
        accepted += survives(path(), changed) ? 1 : 0;
      }
      for (int bit = 0; bit < 8; ++bit) {
        changed[place] = static_cast<char>(bytes[place] ^ (1 << bit));
        accepted += survives(path(), changed) ? 1 : 0;
      }
    }
  }
  EXPECT_GT(accepted, 10);  // blanks for blanks, one accepted dtype for another: the loop reaches the readers
}

}  // namespace
}  // namespace attnewton
