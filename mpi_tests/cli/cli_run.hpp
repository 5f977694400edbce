// Runs the real program under mpirun and keeps what it said; inputs and outputs as plain bytes, without the
// product's readers and writers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace attnewton::cli {

struct Outcome {
  int exit_code = -1;
  std::string out;  ///< standard output of all ranks
  std::string err;  ///< standard error, mpirun's own words included
  double seconds = 0;
  bool timed_out = false;
};

/// Runs `program` with `arguments` on `ranks` ranks; kills it after `patience_seconds`.
Outcome run_program(const std::string& program, int ranks, const std::vector<std::string>& arguments,
                    double patience_seconds = 60);

/// Runs attnewton.
Outcome run(int ranks, const std::vector<std::string>& arguments, double patience_seconds = 60);

/// How often `part` occurs in `text`.
int count(const std::string& text, const std::string& part);

std::string read_file(const std::string& path);
void write_file(const std::string& path, const std::string& content);

/// The bytes of an npy file (format 1.0) with this header and data.
std::string npy_bytes(const std::string& descr, const std::string& shape, const std::string& data);
void write_npy_doubles(const std::string& path, std::int64_t rows, std::int64_t columns,
                       const std::vector<double>& values);
void write_npy_indices(const std::string& path, const std::vector<std::int64_t>& values);
/// The numbers of a float64 file.
std::vector<double> read_npy_doubles(const std::string& path);

/// A test with a folder of its own.
class CliTest : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;
  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  /// Generates a small planted problem in folder `name`; returns that folder.
  std::string generate(const std::string& name, const std::vector<std::string>& more = {}) const;

  std::string folder_;
};

/// Expects an error: this exit code within 5 s, one message on rank 0 that has all `parts`, no folder `out`.
void expect_error(const Outcome& outcome, int exit_code, const std::vector<std::string>& parts,
                  const std::string& out = "");

}  // namespace attnewton::cli
