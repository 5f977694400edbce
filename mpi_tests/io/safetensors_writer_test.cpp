#include "attnewton/io/safetensors_writer.hpp"

#include <cmath>
#include <cstdint>
#include <limits>

#include <gtest/gtest.h>

#include "failing_writes.hpp"
#include "safetensors_bytes.hpp"
#include "support/temporary_folder.hpp"
#include "test_files.hpp"

namespace attnewton {
namespace {

Matrix numbers(Index rows, Index columns) {
  Matrix values(rows, columns);
  for (Index e = 0; e < values.size(); ++e) values.data()[e] = std::sin(static_cast<double>(e)) * 3;
  return values;
}

class SafetensorsWriter : public testing::Test {
 protected:
  std::string path() const { return folder_.file("model.safetensors"); }
  std::string other() const { return folder_.file("other.safetensors"); }

  const TemporaryFolder folder_{Communicator::self()};
};

// What safetensors.numpy.save_file of the format's own library (0.8.0) writes for these tensors.
TEST_F(SafetensorsWriter, WritesWhatTheFormatsLibraryWrites) {
  Matrix b(1, 2);
  b << 1, -2;
  Matrix a(2, 1);
  a << 0.5, 3;
  write_safetensors(
      path(), {{"b", TensorType::float32, b}, {"a", TensorType::float32, a}, {"z", TensorType::float64, a}},
      {{"format", "pt"}});
  std::string header =
      json_object({"\"__metadata__\":{\"format\":\"pt\"}", tensor_json("z", "F64", "[2,1]", "[0,16]"),
                   tensor_json("a", "F32", "[2,1]", "[16,24]"), tensor_json("b", "F32", "[1,2]", "[24,32]")});
  while (header.size() % 8 != 0) header += ' ';
  EXPECT_EQ(content_of(path()),
            safetensors_bytes(header, raw_bytes<double>({0.5, 3}) + raw_bytes<float>({0.5, 3, 1, -2})));
  EXPECT_EQ(folder_.names(), std::vector<std::string>{"model.safetensors"});
}

TEST_F(SafetensorsWriter, ComesBackAsItWasWritten) {
  const Matrix values = numbers(7, 13);
  write_safetensors(path(), {{"wide", TensorType::float64, values},
                             {"single", TensorType::float32, values},
                             {"half", TensorType::float16, values},
                             {"brain \"\\\n\xc3\xa9", TensorType::bfloat16, values},
                             {"none", TensorType::float32, Matrix(0, 4)}});
  const auto file = open_safetensors(path());
  EXPECT_EQ(read_tensor(file, "wide"), values);
  EXPECT_EQ(read_tensor(file, "single"), values.cast<float>().cast<double>());
  EXPECT_LE((read_tensor(file, "half") - values).cwiseAbs().maxCoeff(), std::ldexp(1, -10));
  EXPECT_LE((read_tensor(file, "brain \"\\\n\xc3\xa9") - values).cwiseAbs().maxCoeff(), std::ldexp(1, -7));
  EXPECT_GT((read_tensor(file, "half") - values).cwiseAbs().maxCoeff(), std::ldexp(1, -12));
  EXPECT_EQ(find_tensor(file, "none").shape, (std::vector<Index>{0, 4}));
}

TEST_F(SafetensorsWriter, RefusesNamesThatTheFormatDoesNotHave) {
  const Matrix one = Matrix::Ones(1, 1);
  const auto refused = [&](const std::vector<NamedTensor>& tensors) {
    return error_of(ExitCode::bad_data, path(), [&] { write_safetensors(path(), tensors); });
  };
  EXPECT_NE(refused({{"a", {}, one}, {"a", {}, one}}).find("the name is taken"), std::string::npos);
  EXPECT_NE(refused({{"__metadata__", {}, one}}).find("the name is taken"), std::string::npos);
  EXPECT_NE(refused({{"\xff", {}, one}}).find("is not UTF-8"), std::string::npos);
  EXPECT_TRUE(folder_.names().empty());
}

// A model of all kinds of tensors, with odd but valid JSON and bytes that are no numbers.
std::string model() {
  const std::string header = json_object(
      {" \"__metadata__\" : {\"format\":\"pt\", \"by\":\"x\\u0041\"}",
       joined("\n ", tensor_json("last", "BF16", "[2,2]", "[45,53]")),
       tensor_json("flags", "BOOL", "[5]", "[0,5]"), tensor_json("half", "F16", "[3]", "[5,11]"),
       tensor_json("nan", "F32", "[2]", "[11,19]"), tensor_json("none", "F32", "[0]", "[19,19]"),
       tensor_json("single", "F32", "[1,2]", "[19,27]"), tensor_json("wide", "F64", "[2,1]", "[27,43]"),
       tensor_json("odd", "I16", "[1]", "[43,45]")});
  return safetensors_bytes(
      joined(header, "   "),
      joined("\1\2\3\4\5", raw_bytes<std::uint16_t>({1, 2, 0x7e01}),
             raw_bytes<std::uint32_t>({0x7fc12345, 0xff800000}), raw_bytes<float>({1.5, -0.0F}),
             raw_bytes<double>({1e300, 2}), "\xab\xcd", raw_bytes<std::uint16_t>({1, 2, 3, 4})));
}

TEST_F(SafetensorsWriter, ReplacedTensorsLeaveAllOtherBytes) {
  put_file(path(), model());
  Matrix last(2, 2);
  last << 1, -2, 1 + std::ldexp(1, -8), 1 + 3 * std::ldexp(1, -8);  // ties go to 1 and 1 + 2^-6
  Matrix half(3, 1);
  half << 65504, std::ldexp(1, -24), -1;
  Matrix wide(2, 1);
  wide << 0.1, -1e-300;
  write_with_replaced_tensors(open_safetensors(path()), other(),
                              {{"last", last}, {"half", half}, {"wide", wide}});
  std::string expected = model();
  const std::size_t data = expected.size() - 53;
  expected.replace(data + 45, 8, raw_bytes<std::uint16_t>({0x3f80, 0xc000, 0x3f80, 0x3f82}));
  expected.replace(data + 5, 6, raw_bytes<std::uint16_t>({0x7bff, 0x0001, 0xbc00}));
  expected.replace(data + 27, 16, raw_bytes<double>({0.1, -1e-300}));
  EXPECT_EQ(content_of(other()), expected);
  EXPECT_EQ(content_of(path()), model());
  write_with_replaced_tensors(open_safetensors(other()), other(), {});
  EXPECT_EQ(content_of(other()), expected) << "a copy over itself";
  write_with_replaced_tensors(open_safetensors(path()), path(),
                              {{"last", last}, {"half", half}, {"wide", wide}});
  EXPECT_EQ(content_of(path()), expected) << "in its own place";
  EXPECT_EQ(folder_.names(), (std::vector<std::string>{"model.safetensors", "other.safetensors"}));
}

TEST_F(SafetensorsWriter, ReplacesWhatTakesSeveralParts) {
  const Matrix before = numbers(1200, 1100);
  const Matrix after = numbers(1100, 1200).reshaped<Eigen::RowMajor>(1200, 1100) * 2;
  write_safetensors(path(), {{"a", TensorType::float32, before},
                             {"b", TensorType::float32, before},
                             {"c", TensorType::float32, before}});
  write_with_replaced_tensors(open_safetensors(path()), other(), {{"b", after}});
  const auto file = open_safetensors(other());
  EXPECT_EQ(read_tensor(file, "a"), before.cast<float>().cast<double>());
  EXPECT_EQ(read_tensor(file, "b"), after.cast<float>().cast<double>());
  EXPECT_EQ(read_tensor(file, "c"), before.cast<float>().cast<double>());
}

TEST_F(SafetensorsWriter, RefusesReplacementsThatDoNotFit) {
  put_file(path(), model());
  put_file(other(), "old");
  const auto refused = [&](const std::string& name, const Matrix& values, const std::string& place,
                           const std::string& cause) {
    const auto message = error_of(ExitCode::bad_data, place, [&] {
      write_with_replaced_tensors(open_safetensors(path()), other(), {{name, values}});
    });
    EXPECT_NE(message.find(cause), std::string::npos) << message;
    EXPECT_EQ(content_of(other()), "old");
    EXPECT_EQ(folder_.names().size(), 2U) << "no temporary file stays";
  };
  refused("wide", numbers(1, 2), path(),
          "tensor \"wide\": has shape [2, 1] and cannot be replaced by a 1 x 2 matrix");
  refused("half", numbers(1, 3), path(), "has shape [3] and cannot be replaced");
  refused("lost", numbers(1, 3), path(), "did you mean \"last\"?");
  refused("flags", numbers(5, 1), path(), "has dtype \"BOOL\"");
  Matrix bad = Matrix::Zero(2, 2);
  bad(1, 0) = 3.4e38;
  refused(
      "last", Matrix(bad * 2), other(),
      "tensor \"last\": 6.8e+38 at row 1, column 0 (counted from 0) is beyond the largest number of BF16");
  refused("last", Matrix(bad / 0.0), other(), "is not a number that can be stored");
  refused("half", Matrix::Constant(3, 1, 65520), other(),
          "65520 at row 0, column 0 (counted from 0) is beyond the largest number of F16");
  refused("single", Matrix::Constant(1, 2, -1e39), other(), "is beyond the largest number of F32");
  refused("wide", Matrix::Constant(2, 1, std::numeric_limits<double>::quiet_NaN()), other(),
          "nan at row 0, column 0");
}

TEST_F(SafetensorsWriter, AFailedWriteLeavesTheOldFile) {
  put_file(path(), model());
  put_file(other(), "old");
  const FileSizeLimit limit(300);
  error_of(ExitCode::io, other(),
           [&] { write_with_replaced_tensors(open_safetensors(path()), other(), {}); });
  error_of(ExitCode::io, other(), [&] {
    write_safetensors(other(), {{"a", TensorType::float64, Matrix::Ones(100, 1)}});
  });
  EXPECT_EQ(content_of(other()), "old");
  EXPECT_EQ(folder_.names().size(), 2U);
}

TEST_F(SafetensorsWriter, NoticesASourceThatChanged) {
  put_file(path(), model());
  const auto file = open_safetensors(path());
  put_file(path(), model() + "x");
  error_of(ExitCode::bad_data, path(), [&] { write_with_replaced_tensors(file, other(), {}); });
  EXPECT_EQ(folder_.names().size(), 1U);
}

}  // namespace
}  // namespace attnewton
