// Safetensors files that lie, are damaged or are cut.
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "attnewton/io/safetensors.hpp"

#include "safetensors_bytes.hpp"
#include "support/temporary_folder.hpp"
#include "test_files.hpp"

namespace attnewton {
namespace {

class HostileSafetensors : public testing::Test {
 protected:
  std::string path() const { return folder_.file("a.safetensors"); }
  void expect_refused(const std::string& bytes, const std::string& cause) const {
    put_file(path(), bytes);
    const auto message = error_of(ExitCode::bad_data, path(), [&] { open_safetensors(path()); });
    EXPECT_NE(message.find(cause), std::string::npos) << message;
    EXPECT_LT(message.size(), 600U) << message;
    for (const char c : message.substr(path().size())) EXPECT_TRUE(c >= ' ' && c <= '~') << message;
  }
  void expect_header_refused(const std::string& header, const std::string& cause,
                             const std::string& data = "1234") const {
    expect_refused(safetensors_bytes(header, data), cause);
  }
  void expect_tensor_refused(const std::string& dtype, const std::string& shape, const std::string& offsets,
                             const std::string& cause, const std::string& data = "1234") const {
    expect_header_refused(json_object({tensor_json("w", dtype, shape, offsets)}), cause, data);
  }

  const TemporaryFolder folder_{Communicator::self()};
};

TEST_F(HostileSafetensors, LengthsThatTheFileDoesNotBearOut) {
  expect_refused("", "it has 0 bytes");
  expect_refused("1234567", "it has 7 bytes");
  expect_refused(length_bytes(3) + "{}", "its header claims 3 bytes, more than the file's 10");
  expect_refused(length_bytes(~0ULL) + "{}", "claims 18446744073709551615 bytes");
  expect_refused(length_bytes(1ULL << 63) + "{}", "claims 9223372036854775808 bytes");
  expect_refused(std::string("PK\3\4abcd") + std::string(100, 'x'), "as torch.save writes");
  expect_refused(length_bytes(0) + "{}", "does not begin with '{'");
  expect_refused(length_bytes(3) + " {}", "does not begin with '{'");
}

TEST_F(HostileSafetensors, HeadersThatDoNotParse) {
  for (const std::string text :
       {"{", "{\"", "{\"a", "{\"a\"", "{\"a\":", "{\"a\":{", "{}}", "{} x", "{\"__metadata__\":{},}",
        "{'a':1}", "{\"a\":tru", "{\"\xff\":1}", "{\"\\u12\":1}", "{\"a\":\"\x01\"}"}) {
    expect_header_refused(text, ": the safetensors header is damaged at its byte ");
  }
  expect_header_refused(std::string("{\"\x1b[2J\":1 2}"),
                        "damaged");  // no control character reaches the terminal
  for (const std::string& tail : {std::string("\0", 1), std::string("\0 x", 3)})
    expect_header_refused(joined("{}", tail), "damaged at its byte 2: it holds a NUL");
}

TEST_F(HostileSafetensors, HeadersThatSaySomethingElse) {
  for (const std::string value : {"null", "true", "1", "-1", "1.5", "\"F32\"", "[]"})
    expect_header_refused(joined("{\"w\":", value, "}"), "where a tensor is an object");
  for (const std::string value : {"null", "1", "{}", "[]"})
    expect_header_refused(joined("{\"__metadata__\":{\"a\":", value, "}}"), "where metadata are strings");
  expect_header_refused("{\"w\":{\"dtype\":\"F32\",\"shape\":[1]}}",
                        "tensor \"w\": lacks one of dtype, shape");
  expect_header_refused("{\"w\":{}}", "tensor \"w\": lacks one of");
  expect_header_refused("{\"w\":{\"kind\":\"F32\"}}",
                        "has the field \"kind\", which the format does not know");
  expect_header_refused("{\"w\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}",
                        "tensor \"w\": has the field dtype twice");
  expect_header_refused("{\"w\":{\"dtype\":1}}", "tensor \"w\": 1 where dtype is a string");
  expect_header_refused("{\"w\":{\"shape\":\"1\"}}", "\"1\" where dtype is a string, shape");
  expect_header_refused("{\"w\":{\"dtype\":[1]}}", "a list where dtype is a string");
  expect_header_refused("{\"w\":{\"shape\":{}}}", "an object where dtype is a string");
  for (const std::string value : {"-1", "1.0", "1e2", "null", "\"1\"", "[1]", "{}"})
    expect_header_refused(joined("{\"w\":{\"shape\":[", value, "]}}"), "where a shape has whole numbers");
  expect_header_refused("{\"w\":{\"shape\":[9223372036854775808]}}", "9223372036854775808 overflows 64 bits");
  expect_header_refused("{\"w\":{\"shape\":[99999999999999999999]}}", "where a shape has whole numbers");
  for (const std::string value : {"[]", "[1]"})
    expect_header_refused(joined("{\"w\":{\"data_offsets\":", value, "}}"), "data_offsets are two numbers");
  for (const std::string value : {"[1,2,3]", "[0,-4]", "[[0,4]]"})
    expect_header_refused(joined("{\"w\":{\"data_offsets\":", value, "}}"),
                          "where data_offsets are two whole numbers");
}

TEST_F(HostileSafetensors, NamesGivenTwice) {
  const auto w = tensor_json("w", "F32", "[1]", "[0,4]");
  expect_header_refused(json_object({w, w}), "tensor \"w\": is in the safetensors header twice");
  expect_header_refused("{\"__metadata__\":{},\"__metadata__\":{}}",
                        "\"__metadata__\": is in the safetensors header twice");
  expect_header_refused("{\"__metadata__\":{\"a\":\"\",\"a\":\"\"}}", "have the key \"a\" twice");
}

TEST_F(HostileSafetensors, OffsetsThatMakeNoSense) {
  expect_tensor_refused("F32", "[1]", "[4,0]", "tensor \"w\": data_offsets [4, 0] end before they begin");
  expect_tensor_refused("F32", "[1]", "[0,5]", "pass the file's end: it has 4 bytes");
  expect_tensor_refused("F32", "[2]", "[0,8]", "pass the file's end");
  expect_tensor_refused("F32", "[1]", "[0,9223372036854775807]", "pass the file's end");
  expect_tensor_refused("F32", "[1]", "[2,6]", "bytes 0 to 2 belong to no tensor", "123456");
  expect_tensor_refused("F32", "[1]", "[0,4]", "2 bytes follow the last tensor", "123456");
  expect_header_refused("{}", "4 bytes follow the last tensor");
  const auto pair = [](const std::string& second) {
    return json_object({tensor_json("a", "F32", "[1]", "[0,4]"), tensor_json("b", "F32", "[1]", second)});
  };
  expect_header_refused(
      pair("[2,6]"), "tensor \"b\": data_offsets [2, 6] overlap tensor \"a\", which ends at 4", "12345678");
  expect_header_refused(pair("[0,4]"), "overlap tensor", "12345678");
  expect_header_refused(pair("[6,10]"), "bytes 4 to 6 belong to no tensor", "1234567890");
}

TEST_F(HostileSafetensors, ShapesThatDoNotFitTheOffsets) {
  expect_tensor_refused("F32", "[2]", "[0,4]",
                        "tensor \"w\": shape [2] of F32 takes 8 bytes, its data_offsets span 4 bytes");
  expect_tensor_refused("F64", "[1]", "[0,4]", "shape [1] of F64 takes 8 bytes");
  expect_tensor_refused("BF16", "[1,1]", "[0,4]", "takes 2 bytes");
  expect_tensor_refused("F32", "[0]", "[0,4]", "takes 0 bytes");
  expect_tensor_refused("F4", "[7]", "[0,4]", "takes 3.5 bytes");
  expect_tensor_refused("F32", "[4294967296,4294967296]", "[0,4]", "more bytes than 64 bits count");
  expect_tensor_refused("F32", "[2305843009213693952,2]", "[0,4]", "more bytes than 64 bits count");
  expect_tensor_refused("F64", "[9223372036854775807]", "[0,4]", "more bytes than 64 bits count");
}

TEST_F(HostileSafetensors, DeepNestingIsCutShort) {
  expect_header_refused(joined("{\"w\":", std::string(200000, '[')), "a list where a tensor is an object");
  expect_header_refused(joined("{\"w\":{\"shape\":", std::string(200000, '[')), "a list where a shape");
}

// Reads the file every way there is; it may be refused as bad data but not crash or exhaust memory. True if
// it was accepted.
bool survives(const std::string& path) {
  try {
    const SafetensorsFile file = open_safetensors(path);
    for (const TensorEntry& tensor : file.tensors) {
      EXPECT_LE(tensor.bytes.end, file.file_bytes);
      try {
        EXPECT_TRUE(read_tensor(file, tensor.name).allFinite());
      } catch (const DataError& error) {
        EXPECT_EQ(std::string(error.what()).rfind(path + ": tensor ", 0), 0U) << error.what();
      }
    }
    return true;
  } catch (const DataError& error) {
    EXPECT_EQ(std::string(error.what()).rfind(path + ": ", 0), 0U) << error.what();
    return false;
  }
}

std::string two_tensors() {
  return safetensors_bytes(
      json_object({"\"__metadata__\":{\"a\":\"b\"}", tensor_json("w", "F32", "[2,1]", "[0,8]"),
                   tensor_json("v", "F16", "[2]", "[8,12]")}),
      raw_bytes<float>({1, 2, 3}));
}

TEST_F(HostileSafetensors, EveryTruncationIsRefused) {
  const auto bytes = two_tensors();
  put_file(path(), bytes);
  EXPECT_TRUE(survives(path()));
  for (std::size_t length = bytes.size(); length-- > 0;) {
    std::filesystem::resize_file(path(), length);
    EXPECT_FALSE(survives(path())) << length;
  }
}

// Bytes are changed where they lie: writing the whole file anew each time takes file systems milliseconds.
TEST_F(HostileSafetensors, NoChangeOfAHeaderByteCrashes) {
  const auto bytes = two_tensors();
  put_file(path(), bytes);
  std::fstream file(path(), std::ios::in | std::ios::out | std::ios::binary);
  const auto put = [&](std::size_t place, char byte) {
    file.seekp(static_cast<std::streamoff>(place));
    file.put(byte).flush();
  };
  const std::string meaningful = std::string("\0", 1) + "\xff\x80 {}[]\"\\,:-.09eF";
  int accepted = 0;
  for (std::size_t place = 0; place < bytes.size() - 12; ++place) {
    std::string others = meaningful;
    for (int bit = 0; bit < 8; ++bit) others += static_cast<char>(bytes[place] ^ (1 << bit));
    for (const char other : others) {
      put(place, other);
      accepted += survives(path()) ? 1 : 0;
    }
    put(place, bytes[place]);
  }
  EXPECT_GT(accepted, 10);  // other names, unknown dtypes: the loop reaches the readers
  EXPECT_TRUE(survives(path()));
  EXPECT_EQ(content_of(path()), bytes);
}

}  // namespace
}  // namespace attnewton
