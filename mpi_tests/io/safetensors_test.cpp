#include "attnewton/io/safetensors.hpp"

#include <cstdint>
#include <filesystem>

#include <gtest/gtest.h>

#include "safetensors_bytes.hpp"
#include "support/temporary_folder.hpp"
#include "test_files.hpp"

namespace attnewton {
namespace {

class Safetensors : public testing::Test {
 protected:
  SafetensorsFile put(const std::string& header, const std::string& data) {
    put_file(path(), safetensors_bytes(header, data));
    return open_safetensors(path());
  }
  std::string path() const { return folder_.file("model.safetensors"); }
  void expect_refused(const SafetensorsFile& file, const std::string& name, const std::string& cause) const {
    const auto message = error_of(ExitCode::bad_data, path(), [&] { read_tensor(file, name); });
    EXPECT_NE(message.find(cause), std::string::npos) << message;
  }

  const TemporaryFolder folder_{Communicator::self()};
};

TEST_F(Safetensors, ReadsEveryFloatingPointType) {
  const auto file = put(
      json_object(
          {tensor_json("wide", "F64", "[2,3]", "[0,48]"), tensor_json("single", "F32", "[3,2]", "[48,72]"),
           tensor_json("half", "F16", "[1,2]", "[72,76]"), tensor_json("brain", "BF16", "[2]", "[76,80]")}) +
          "   ",
      raw_bytes<double>({1, 2, 3, 4, 5, 0.1}) + raw_bytes<float>({1, 2, 3, 4, 5, 0.1F}) +
          raw_bytes<std::uint16_t>({0x3c00, 0xfbff}) + raw_bytes<std::uint16_t>({0x3f80, 0xc049}));
  Matrix wide(2, 3);
  wide << 1, 2, 3, 4, 5, 0.1;
  EXPECT_EQ(read_tensor(file, "wide"), wide);
  Matrix single(3, 2);
  single << 1, 2, 3, 4, 5, double{0.1F};
  EXPECT_EQ(read_tensor(file, "single"), single);
  Matrix half(1, 2);
  half << 1, -65504;
  EXPECT_EQ(read_tensor(file, "half"), half);
  Matrix brain(2, 1);
  brain << 1, -3.140625;
  EXPECT_EQ(read_tensor(file, "brain"), brain);
}

TEST_F(Safetensors, ListsWhatTheHeaderSays) {
  const auto file = put(json_object({"\"__metadata__\":{\"format\":\"pt\",\"\\u00e9\":\"\"}",
                                     tensor_json("later", "I64", "[]", "[5,13]"),
                                     tensor_json("empty", "F32", "[0,9000000000000000000]", "[5,5]"),
                                     tensor_json("first", "U8", "[1,5,1]", "[0,5]"),
                                     tensor_json("future", "F7_E1M5", "[12]", "[13,14]")}),
                        std::string(14, '\1'));
  ASSERT_EQ(file.tensors.size(), 4U);
  EXPECT_EQ(file.tensors[0].name, "first");
  EXPECT_EQ(file.tensors[0].dtype, "U8");
  EXPECT_EQ(file.tensors[0].shape, (std::vector<Index>{1, 5, 1}));
  EXPECT_EQ(file.tensors[0].bytes, (Range{file.file_bytes - 14, file.file_bytes - 9}));
  EXPECT_EQ(file.tensors[1].name, "empty");
  EXPECT_EQ(file.tensors[2].name, "later");
  EXPECT_EQ(file.tensors[2].shape, std::vector<Index>{});
  EXPECT_EQ(file.tensors[3].name, "future");
  EXPECT_EQ(file.metadata, (std::map<std::string, std::string>{{"format", "pt"}, {"\xc3\xa9", ""}}));
  expect_refused(file, "later", "tensor \"later\": has dtype \"I64\": only F64, F32, F16 and BF16");
  expect_refused(file, "first", "has dtype \"U8\"");
  expect_refused(file, "future", "has dtype \"F7_E1M5\"");
  expect_refused(file, "empty", "has shape [0, 9000000000000000000]: it holds no numbers");
}

TEST_F(Safetensors, TakesAFileWithoutTensors) {
  const auto file = put("{}", "");
  EXPECT_TRUE(file.tensors.empty());
  expect_refused(file, "w", "there is no tensor \"w\": there is none at all");
}

TEST_F(Safetensors, TakesOneAndTwoDimensions) {
  const auto file =
      put(json_object({tensor_json("a", "F32", "[]", "[0,4]"), tensor_json("b", "F32", "[1,1,1]", "[4,8]"),
                       tensor_json("c", "F32", "[1]", "[8,12]")}),
          raw_bytes<float>({1, 2, 3}));
  expect_refused(file, "a", "tensor \"a\": has shape []: one or two dimensions");
  expect_refused(file, "b", "tensor \"b\": has shape [1, 1, 1]: one or two dimensions");
  EXPECT_EQ(read_tensor(file, "c"), Matrix::Constant(1, 1, 3));
}

TEST_F(Safetensors, ReadsWhatTakesSeveralParts) {
  std::vector<float> numbers(600001);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<float>(i);
  const auto file =
      put(json_object({tensor_json("w", "F32", "[600001]", "[0,2400004]")}), raw_bytes(numbers));
  const Matrix read = read_tensor(file, "w");
  ASSERT_EQ(read.rows(), 600001);
  for (Index i = 0; i < read.rows(); ++i) ASSERT_EQ(read(i, 0), static_cast<double>(i));
  numbers[600000] = INFINITY;
  const auto other =
      put(json_object({tensor_json("w", "F32", "[1,600001]", "[0,2400004]")}), raw_bytes(numbers));
  expect_refused(other, "w", "tensor \"w\": inf at row 0, column 600000");
}

TEST_F(Safetensors, RefusesNumbersThatAreNone) {
  const auto header = [](const std::string& dtype, int bytes) {
    return json_object({tensor_json("w", dtype, "[2,2]", joined("[0,", std::to_string(bytes), "]"))});
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  expect_refused(put(header("F64", 32), raw_bytes<double>({1, 2, nan, 4})), "w",
                 "\"w\": nan at row 1, column 0");
  expect_refused(put(header("F32", 16), raw_bytes<float>({1, -INFINITY, 3, 4})), "w",
                 "-inf at row 0, column 1");
  expect_refused(put(header("F16", 8), raw_bytes<std::uint16_t>({1, 2, 3, 0x7c00})), "w",
                 "inf at row 1, column 1");
  expect_refused(put(header("BF16", 8), raw_bytes<std::uint16_t>({0xffc0, 2, 3, 4})), "w",
                 "nan at row 0, column 0");
}

TEST_F(Safetensors, NamesTheNearestOfAnUnknownTensor) {
  const auto tensor = [](const std::string& name, const std::string& offsets) {
    return tensor_json(name, "U8", "[1]", offsets);
  };
  const auto file = put(json_object({tensor("layers.0.attn.wq", "[0,1]"), tensor("layers.0.attn.wk", "[1,2]"),
                                     tensor("layers.1.attn.wq", "[2,3]"), tensor("head.weight", "[3,4]"),
                                     tensor("norm", "[4,5]")}),
                        "12345");
  expect_refused(file, "layers.0.attn.wv",
                 "did you mean \"layers.0.attn.wq\", \"layers.0.attn.wk\", \"layers.1.attn.wq\"?");
  expect_refused(file, "wq", "did you mean \"layers.0.attn.wq\", \"layers.1.attn.wq\"?");
  expect_refused(file, "nrom", "did you mean \"norm\"?");
  expect_refused(file, "completely.other.one",
                 "there are 5: \"layers.0.attn.wq\", \"layers.0.attn.wk\", \"layers.1.attn.wq\", ...");
  EXPECT_EQ(find_tensor(file, "norm").shape, std::vector<Index>{1});
}

TEST_F(Safetensors, NoticesAFileThatChanged) {
  const auto file = put(json_object({tensor_json("w", "F32", "[1]", "[0,4]")}), raw_bytes<float>({1}));
  put_file(path(), content_of(path()) + "x");
  expect_refused(file, "w", "it changed while it was being used");
}

TEST_F(Safetensors, NamesTheFileThatItCannotRead) {
  error_of(ExitCode::io, folder_.file("none"), [&] { open_safetensors(folder_.file("none")); });
  error_of(ExitCode::io, folder_.path(), [&] { open_safetensors(folder_.path()); });
}

TEST(TensorPath, IsSplitBehindTheEnding) {
  const auto expect = [](const std::string& text, const std::string& file, const std::string& tensor) {
    const auto found = split_tensor_path(text);
    ASSERT_TRUE(found) << text;
    EXPECT_EQ(found->file, file);
    EXPECT_EQ(found->tensor, tensor);
  };
  expect("model.safetensors:layers.0.attn.wq", "model.safetensors", "layers.0.attn.wq");
  expect("/a:b/model.safetensors:w", "/a:b/model.safetensors", "w");
  expect("a.safetensors:b/c.safetensors:w", "a.safetensors:b/c.safetensors", "w");
  expect("model.safetensors:w:0", "model.safetensors", "w:0");
  expect("model.safetensors", "model.safetensors", "");
  expect("model.safetensors:", "model.safetensors", "");
  for (const std::string text : {"", "w.npy", "w.npy:a", "model.safetensor:w", "model.safetensorsx:w"})
    EXPECT_FALSE(split_tensor_path(text)) << text;
}

}  // namespace
}  // namespace attnewton
