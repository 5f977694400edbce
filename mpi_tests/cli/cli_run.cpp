#include "cli_run.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include <fmt/format.h>

namespace attnewton::cli {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string temporary_name(const char* kind) {
  static int number = 0;
  return std::filesystem::temp_directory_path() /
         fmt::format("attnewton-cli-{}-{}{}", getpid(), kind, number++);
}

// Starts `words` as the leader of a process group, its output going to the two files.
pid_t start(std::vector<std::string> words, const std::string& out, const std::string& err) {
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, out.c_str(), O_WRONLY | O_CREAT, 0600);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, err.c_str(), O_WRONLY | O_CREAT, 0600);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  pid_t child = 0;
  const int error = posix_spawnp(&child, arguments.front(), &actions, &attributes, arguments.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::runtime_error("cannot start mpirun: " + std::string(std::strerror(error)));
  return child;
}

}  // namespace

Outcome run_program(const std::string& program, int ranks, const std::vector<std::string>& arguments,
                    double patience_seconds) {
  const std::string out = temporary_name("out");
  const std::string err = temporary_name("err");
  std::vector<std::string> words = {ATTNEWTON_MPIEXEC, "-n", std::to_string(ranks), program};
  words.insert(words.end(), arguments.begin(), arguments.end());

  Outcome outcome;
  const auto begin = Clock::now();
  const pid_t child = start(words, out, err);
  int status = 0;
  while (waitpid(child, &status, WNOHANG) == 0) {
    if (!outcome.timed_out && seconds_since(begin) > patience_seconds) {
      outcome.timed_out = true;
      kill(-child, SIGKILL);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  outcome.seconds = seconds_since(begin);
  outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  outcome.out = read_file(out);
  outcome.err = read_file(err);
  std::filesystem::remove(out);
  std::filesystem::remove(err);
  return outcome;
}

Outcome run(int ranks, const std::vector<std::string>& arguments, double patience_seconds) {
  return run_program(ATTNEWTON_PROGRAM, ranks, arguments, patience_seconds);
}

int count(const std::string& text, const std::string& part) {
  int found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size()))
    ++found;
  return found;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

void write_file(const std::string& path, const std::string& content) {
  std::ofstream file(path, std::ios::binary);
  file << content;
  ASSERT_TRUE(file) << path;
}

std::string npy_bytes(const std::string& descr, const std::string& shape, const std::string& data) {
  std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': {}, }}", descr, shape);
  header.append(63 - (10 + header.size()) % 64, ' ');
  header += '\n';
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes += static_cast<char>(header.size() & 0xff);
  bytes += static_cast<char>(header.size() >> 8);
  return bytes + header + data;
}

void write_npy_doubles(const std::string& path, std::int64_t rows, std::int64_t columns,
                       const std::vector<double>& values) {
  const std::string data(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(double));
  write_file(path, npy_bytes("<f8", fmt::format("({}, {})", rows, columns), data));
}

void write_npy_indices(const std::string& path, const std::vector<std::int64_t>& values) {
  const std::string data(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(std::int64_t));
  write_file(path, npy_bytes("<i8", fmt::format("({},)", values.size()), data));
}

std::vector<double> read_npy_doubles(const std::string& path) {
  const std::string bytes = read_file(path);
  const std::size_t header =
      10 + static_cast<unsigned char>(bytes.at(8)) + 256 * static_cast<unsigned char>(bytes.at(9));
  std::vector<double> values((bytes.size() - header) / sizeof(double));
  std::memcpy(values.data(), bytes.data() + header, values.size() * sizeof(double));
  return values;
}

void CliTest::SetUp() {
  folder_ = temporary_name("test");
  std::filesystem::create_directory(folder_);
}

void CliTest::TearDown() {
  std::filesystem::remove_all(folder_);
}

std::string CliTest::generate(const std::string& name, const std::vector<std::string>& more) const {
  std::vector<std::string> arguments = {"generate", "--rows",         "60",    "--width",
                                        "4",        "--output-width", "3",     "--sequence-length",
                                        "20",       "--causal",       "--out", path(name)};
  arguments.insert(arguments.end(), more.begin(), more.end());
  const Outcome outcome = run(1, arguments);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  return path(name);
}

void expect_error(const Outcome& outcome, int exit_code, const std::vector<std::string>& parts,
                  const std::string& out) {
  EXPECT_FALSE(outcome.timed_out);
  EXPECT_LT(outcome.seconds, 5);
  EXPECT_EQ(outcome.exit_code, exit_code) << outcome.err;
  EXPECT_EQ(count(outcome.err, "attnewton: error: "), 1) << outcome.err;
  EXPECT_EQ(outcome.out, "");
  for (const std::string& part : parts)
    EXPECT_EQ(count(outcome.err, part) > 0, true) << part << "\n" << outcome.err;
  if (!out.empty()) {
    EXPECT_FALSE(std::filesystem::exists(out)) << out;
  }
}

}  // namespace attnewton::cli
