// A multiple softmax regression as the commands use it.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"
#include "attnewton/curvature/multi_softmax_hessian.hpp"
#include "attnewton/io/npy.hpp"
#include "attnewton/io/npy_writer.hpp"
#include "attnewton/linalg/row_partition.hpp"
#include "attnewton/parallel/agreement.hpp"
#include "attnewton/random/stream.hpp"

#include "loaded_problem.hpp"
#include "regression_input.hpp"
#include "solve_output.hpp"

namespace attnewton {
namespace {

struct MultiSoftmaxInput {
  MultiSoftmaxData data;
  MultiSoftmaxOptions options;
  Index rows = 0;
};

Matrix read_with_ones(const NpyFile& file, Range rows, bool append_ones) {
  Matrix read = read_npy_rows(file, rows);
  if (!append_ones) return read;
  Matrix extended(read.rows(), read.cols() + 1);
  extended << read, Vector::Ones(read.rows());
  return extended;
}

// Local.
MultiSoftmaxInput read_share(const ProblemOptions& options, int rank, int ranks) {
  const NpyFile a1 = open_npy(options.a1);
  const NpyFile a2 = open_npy(options.a2.empty() ? options.a1 : options.a2);
  const NpyFile b = open_npy(options.b);
  if (a1.rows() < 1 || a2.rows() < 1)
    throw DataError(fmt::format("{}: there are no rows", a1.rows() < 1 ? a1.path : a2.path));
  if (b.rows() != a1.rows() || b.columns() != a2.rows())
    throw DataError(
        fmt::format("B ({}) is {} x {}, but A1 ({}) has {} rows and A2 ({}) {}: B must be {} x {}", b.path,
                    b.rows(), b.columns(), a1.path, a1.rows(), a2.path, a2.rows(), a1.rows(), a2.rows()));
  const Range rows = even_row_partition(a1.rows(), ranks).range(rank);
  MultiSoftmaxInput input;
  input.rows = a1.rows();
  input.data.queries = read_with_ones(a1, rows, options.append_ones);
  input.data.keys = read_with_ones(a2, {0, a2.rows()}, options.append_ones);
  input.data.target = read_npy_rows(b, rows);
  input.data.first_row = rows.begin;
  input.data.scale = options.scale;
  input.options.normalisation = options.normalisation;
  input.options.ridge = options.ridge;
  return input;
}

MultiSoftmaxInput read_input(const Communicator& comm, const ProblemOptions& options) {
  MultiSoftmaxInput input;
  agree_on_errors(comm, [&] { input = read_share(options, comm.rank(), comm.size()); });
  const Range rows{input.data.first_row, input.data.first_row + input.data.queries.rows()};
  input.options.weights = read_weights(comm, {"A1", options.a1}, options, rows);
  return input;
}

class LoadedMultiSoftmax : public LoadedProblem {
 public:
  LoadedMultiSoftmax(const Communicator& comm, MultiSoftmaxInput input)
      : rows_(input.rows), problem_(comm, std::move(input.data), std::move(input.options)) {}

  const Problem& problem() const override { return problem_; }
  std::string description() const override {
    return fmt::format("multiple softmax regression, normalisation {}, {} queries and {} keys, widths {} {}",
                       to_string(problem_.options().normalisation), rows_, keys(), query_width(),
                       key_width());
  }
  std::vector<std::pair<std::string, Index>> sizes() const override {
    return {{"rows", rows_},
            {"keys", keys()},
            {"query_width", query_width()},
            {"key_width", key_width()},
            {"unknowns", problem_.unknowns()}};
  }
  Index memory_bytes(Index assembled_hessians) const override;
  std::unique_ptr<HessianModel> hessian(const HessianOptions& options) const override {
    return std::make_unique<MultiSoftmaxHessian>(problem_, form_of(options));
  }
  double cost_in_gradients(const HessianOptions& options) const override;
  std::string default_start() const override { return "zero"; }
  Vector start(const StartOptions& options) const override;
  void write_solution(const std::string& folder, const Point& point) const override;
  void load_reference(const ReferenceFiles& files) override { reference_ = read_x(files.x); }
  std::optional<ReferenceReport> compare_with_reference(const Point& point) const override;

 private:
  Index keys() const { return problem_.data().keys.rows(); }
  Index query_width() const { return problem_.data().queries.cols(); }
  Index key_width() const { return problem_.data().keys.cols(); }
  Vector read_x(const std::string& path) const;
  Vector random_x(std::uint64_t seed) const;

  Index rows_;
  MultiSoftmaxProblem problem_;
  std::optional<Vector> reference_;
};

Index LoadedMultiSoftmax::memory_bytes(Index assembled_hessians) const {
  const MultiSoftmaxData& data = problem_.data();
  const auto d1 = static_cast<double>(query_width());
  const auto d2 = static_cast<double>(key_width());
  const auto unknowns = static_cast<double>(problem_.unknowns());
  const auto inputs = static_cast<double>(data.queries.size() + data.keys.size() + data.target.size());
  const double points = 6 * static_cast<double>(data.queries.rows()) * (d2 + 3);
  const auto assembled = static_cast<double>(assembled_hessians);
  const double hessians_and_factors = assembled * 2 * unknowns * unknowns / problem_.comm().size();
  const double sums = std::min(assembled, 1.0) * d1 * d1 * d2 * d2 / 4;
  constexpr double chunk = 1.2e7;
  constexpr double most = 4e18;  // an Index holds no more
  return static_cast<Index>(
      std::min(most, sizeof(double) * (inputs + points + hessians_and_factors + sums + chunk)));
}

double LoadedMultiSoftmax::cost_in_gradients(const HessianOptions& /*options*/) const {
  const auto rows = static_cast<double>(rows_);
  const double scores = rows * static_cast<double>(keys());
  const auto d1 = static_cast<double>(query_width());
  const auto d2 = static_cast<double>(key_width());
  const auto unknowns = static_cast<double>(problem_.unknowns());
  const double sums = 0.5 * scores * d2 * d2 + 0.25 * rows * unknowns * unknowns;
  return (sums + unknowns * unknowns * unknowns / 6) / (3 * scores * d2 + 2 * rows * d1 * d2);
}

Vector LoadedMultiSoftmax::read_x(const std::string& path) const {
  Vector x;
  agree_on_errors(problem_.comm(), [&] {
    const NpyFile file = open_npy(path);
    if (file.rows() != query_width() || file.columns() != key_width())
      throw DataError(
          fmt::format("{}: X is {} x {}, but the widths of A1 and A2 make it {} x {}; with "
                      "--append-ones they count the column of ones",
                      path, file.rows(), file.columns(), query_width(), key_width()));
    const Matrix read = read_npy(path);
    x = Eigen::Map<const Vector>(read.data(), read.size());
  });
  return x;
}

// Entries such that the scores have a standard deviation of about 1.
Vector LoadedMultiSoftmax::random_x(std::uint64_t seed) const {
  const MultiSoftmaxData& data = problem_.data();
  const double query_square = problem_.comm().sum(data.queries.squaredNorm()) / static_cast<double>(rows_);
  const double key_square = data.keys.squaredNorm() / static_cast<double>(keys());
  const double size = std::abs(data.scale) * std::sqrt(query_square * key_square);
  const Matrix x = RandomStream(seed, RandomPurpose::start).normal_rows({0, query_width()}, key_width());
  const Vector theta = Eigen::Map<const Vector>(x.data(), x.size());
  return size > 0 && std::isfinite(size) ? Vector(theta / size) : theta;
}

Vector LoadedMultiSoftmax::start(const StartOptions& options) const {
  const std::vector<std::string> files = options.files();
  if (files.size() > 1) throw UsageError("this problem has one unknown, X: give one file to start from");
  if (!files.empty()) return read_x(files.front());
  const std::string rule = options.words.empty() ? default_start() : options.words.front();
  if (rule == "least-squares")
    throw UsageError("the start least-squares goes with --problem attention alone: take zero or random");
  if (rule == "random") return random_x(options.seed);
  return Vector::Zero(problem_.unknowns());
}

void LoadedMultiSoftmax::write_solution(const std::string& folder, const Point& point) const {
  agree_on_errors(problem_.comm(), [&] {
    if (problem_.comm().is_root())
      write_npy(path_in(folder, "x.npy"), static_cast<const MultiSoftmaxPoint&>(point).x);
  });
}

std::optional<ReferenceReport> LoadedMultiSoftmax::compare_with_reference(const Point& point) const {
  if (!reference_) return std::nullopt;
  const double size = reference_->norm();
  const double distance = (point.theta() - *reference_).norm();
  const double x_error = size > 0 ? distance / size : distance;
  return ReferenceReport{{{"x_error", x_error}}, fmt::format("X within {:.1e}", x_error)};
}

}  // namespace

std::unique_ptr<LoadedProblem> load_multi_softmax(const Communicator& comm, const ProblemOptions& options) {
  return std::make_unique<LoadedMultiSoftmax>(comm, read_input(comm, options));
}

}  // namespace attnewton
