#include "vector_unknown.hpp"

#include <cmath>
#include <filesystem>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"
#include "attnewton/io/npy.hpp"
#include "attnewton/io/npy_writer.hpp"
#include "attnewton/parallel/agreement.hpp"
#include "attnewton/random/stream.hpp"

#include "regression_input.hpp"
#include "solve_output.hpp"

namespace attnewton {
namespace {

Vector read_unknown(const Problem& problem, const std::string& path) {
  Vector x;
  agree_on_errors(problem.comm(), [&] {
    const NpyFile file = open_npy(path);
    if (file.columns() != 1 || file.rows() != problem.unknowns())
      throw DataError(
          fmt::format("{}: x is {} x {}, but A has {} columns (with --append-ones that of ones "
                      "counts): it must be {} numbers",
                      path, file.rows(), file.columns(), problem.unknowns(), problem.unknowns()));
    x = read_npy(path).col(0);
  });
  return x;
}

Vector random_start(const Communicator& comm, const RowMatrix& a, std::uint64_t seed) {
  const auto rows = static_cast<double>(comm.sum(a.rows()));
  const double row_norm = std::sqrt(comm.sum(a.squared_row_norms().sum()) / rows);
  const RandomStream stream(seed, RandomPurpose::start);
  const Vector x = stream.normal_rows({0, a.columns()}, 1).col(0);
  return row_norm > 0 && std::isfinite(row_norm) ? Vector(x / row_norm) : x;
}

double relative(double error, double size) {
  return size > 0 ? error / size : error;
}

}  // namespace

Vector VectorUnknown::start(const Problem& problem, const RowMatrix& a, const StartOptions& options,
                            const std::string& default_rule) const {
  const std::vector<std::string> files = options.files();
  if (files.size() > 1) throw UsageError("this problem has one unknown, x: give one file to start from");
  if (!files.empty()) return read_unknown(problem, files.front());
  const std::string rule = options.words.empty() ? default_rule : options.words.front();
  if (rule == "least-squares")
    throw UsageError("the start least-squares goes with --problem attention alone: take zero or random");
  if (rule == "random") return random_start(problem.comm(), a, options.seed);
  return Vector::Zero(problem.unknowns());
}

void VectorUnknown::write(const Communicator& comm, const std::string& folder, const Point& point) const {
  agree_on_errors(comm, [&] {
    if (!comm.is_root()) return;
    write_npy_vector(path_in(folder, "x.npy"), point.theta());
    std::error_code ignored;
    // One that an earlier solve left does not go with this x.
    std::filesystem::remove(path_in(folder, "standardisation.npy"), ignored);
    if (standardisation_) write_standardisation(folder, *standardisation_);
  });
}

void VectorUnknown::load_reference(const Problem& problem, const ReferenceFiles& files) {
  reference_ = read_unknown(problem, files.x);
}

std::optional<ReferenceReport> VectorUnknown::compare(const Communicator& comm, const RowMatrix& a,
                                                      const Point& point) const {
  if (!reference_) return std::nullopt;
  const Vector difference = point.theta() - *reference_;
  const double score_error = relative(std::sqrt(comm.sum(a.times(difference).squaredNorm())),
                                      std::sqrt(comm.sum(a.times(*reference_).squaredNorm())));
  const double x_error = relative(difference.norm(), reference_->norm());
  return ReferenceReport{{{"x_error", x_error}, {"score_error", score_error}},
                         fmt::format("x within {:.1e}, scores A x within {:.1e}", x_error, score_error)};
}

}  // namespace attnewton
