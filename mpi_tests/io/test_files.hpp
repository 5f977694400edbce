// Files that tests put down and look at, and the errors that they expect.
#pragma once

#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"

namespace attnewton {

inline void put_file(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

inline std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// What `call` throws: it must be an attnewton error of code `code` whose message begins with `path`.
template <class Call>
std::string error_of(ExitCode code, const std::string& path, Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_EQ(std::string(error.what()).rfind(path + ": ", 0), 0U) << error.what();
    return error.what();
  }
  ADD_FAILURE() << path << ": no error";
  return "";
}

}  // namespace attnewton
