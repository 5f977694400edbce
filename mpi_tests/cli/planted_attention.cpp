#include "planted_attention.hpp"

#include <cmath>
#include <sstream>

namespace attnewton::cli {

Words joined(Words words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

void expect_close(double a, double b, double relative) {
  EXPECT_NEAR(a, b, relative * std::abs(b));
}

std::vector<Json> iterations_in(const std::string& folder) {
  std::vector<Json> records;
  std::istringstream lines(read_file(folder + "/iterations.jsonl"));
  for (std::string line; std::getline(lines, line);) records.push_back(Json::parse(line));
  return records;
}

void write_perturbed(const std::string& from, const std::string& to, std::int64_t rows,
                     std::int64_t columns) {
  std::vector<double> x = read_npy_doubles(from);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] *= 1 + (i % 2 == 0 ? 0.05 : -0.05);
  write_npy_doubles(to, rows, columns, x);
}

void PlantedAttention::SetUp() {
  CliTest::SetUp();
  problem_ = generate("problem");
  write_perturbed(problem_ + "/x_true.npy", path("start.npy"), 4, 4);
}

Words PlantedAttention::near_start(const std::string& out, const Words& more) const {
  return joined(
      {"solve", "--config", problem_ + "/solve.ini", "--init", path("start.npy"), "--out", path(out)}, more);
}

}  // namespace attnewton::cli
