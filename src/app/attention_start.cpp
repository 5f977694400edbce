#include "attention_start.hpp"

#include <cmath>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"
#include "attnewton/io/npy.hpp"
#include "attnewton/parallel/agreement.hpp"
#include "attnewton/random/stream.hpp"

namespace attnewton {
namespace {

Matrix read_unknown(const char* name, const std::string& path, Index rows, Index columns,
                    const char* widths) {
  const NpyFile file = open_npy(path);
  if (file.rows() != rows || file.columns() != columns)
    throw DataError(
        fmt::format("{}: {} is {} x {}, but {} make it {} x {}; with --append-ones the widths count "
                    "the column of ones",
                    path, name, file.rows(), file.columns(), widths, rows, columns));
  return read_npy(path);
}

// Σ ‖row‖² over the rows of A₂ or A₃, each counted by one rank.
double owned_squares(const AttentionData& data, const Matrix& rows) {
  double sum = 0;
  for (const LocalSequence& sequence : data.sequences) {
    if (sequence.owns_keys) sum += rows.middleRows(sequence.keys.begin, sequence.keys.size()).squaredNorm();
  }
  return sum;
}

Index owned_keys(const AttentionData& data) {
  Index sum = 0;
  for (const LocalSequence& sequence : data.sequences) sum += sequence.owns_keys ? sequence.keys.size() : 0;
  return sum;
}

// √(mean), or 1 where that is no scale to divide by.
double root_mean(double sum, double count) {
  const double root = std::sqrt(sum / count);
  return root > 0 && std::isfinite(root) ? root : 1;
}

Vector random_point(const AttentionProblem& problem, std::uint64_t seed) {
  const AttentionData& data = problem.data();
  const Communicator& comm = problem.comm();
  const auto rows = static_cast<double>(comm.sum(Index{data.queries.rows()}));
  const auto keys = static_cast<double>(comm.sum(owned_keys(data)));
  const double query_norm = root_mean(comm.sum(data.queries.squaredNorm()), rows);
  const double key_norm = root_mean(comm.sum(owned_squares(data, data.keys)), keys);
  const double value_norm = root_mean(comm.sum(owned_squares(data, data.values())), keys);
  const double target =
      root_mean(comm.sum(data.target.squaredNorm()), rows * static_cast<double>(data.output_width()));
  const double scale = data.scale == 0 ? 1 : std::abs(data.scale);

  const RandomStream for_x(seed, RandomPurpose::start, 0);
  const RandomStream for_y(seed, RandomPurpose::start, 1);
  const Matrix x =
      for_x.normal_rows({0, data.query_width()}, data.key_width()) / (scale * query_norm * key_norm);
  const Matrix y = for_y.normal_rows({0, data.value_width()}, data.output_width()) * (target / value_norm);
  return problem.theta_of(x, y);
}

Vector point_from_files(const AttentionProblem& problem, const std::vector<std::string>& files) {
  Matrix x;
  Matrix y;
  agree_on_errors(problem.comm(), [&] {
    x = read_x(problem, files.front());
    if (files.size() > 1) y = read_y(problem, files[1]);
  });
  if (y.size() == 0 && problem.variables() == AttentionVariables::joint) y = problem.least_squares_y(x);
  return problem.theta_of(x, y);
}

}  // namespace

Matrix read_x(const AttentionProblem& problem, const std::string& path) {
  const AttentionData& data = problem.data();
  return read_unknown("X", path, data.query_width(), data.key_width(), "the widths of A1 and A2");
}

Matrix read_y(const AttentionProblem& problem, const std::string& path) {
  const AttentionData& data = problem.data();
  return read_unknown("Y", path, data.value_width(), data.output_width(), "the widths of A3 and B");
}

Vector starting_point(const AttentionProblem& problem, const StartOptions& options) {
  const std::vector<std::string> files = options.files();
  if (!files.empty()) return point_from_files(problem, files);
  const std::string rule = options.words.empty() ? "least-squares" : options.words.front();
  if (rule == "random") return random_point(problem, options.seed);
  const AttentionData& data = problem.data();
  const Matrix x = Matrix::Zero(data.query_width(), data.key_width());
  const Matrix y = rule == "least-squares" ? problem.least_squares_y(x)
                                           : Matrix::Zero(data.value_width(), data.output_width());
  return problem.theta_of(x, y);
}

}  // namespace attnewton
