// A regression on one vector as the commands use it.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"
#include "attnewton/curvature/regression_hessian.hpp"
#include "attnewton/io/npy_writer.hpp"
#include "attnewton/parallel/agreement.hpp"

#include "loaded_problem.hpp"
#include "regression_input.hpp"
#include "regression_start.hpp"
#include "solve_output.hpp"

namespace attnewton {
namespace {

class LoadedRegression : public LoadedProblem {
 public:
  LoadedRegression(const Communicator& comm, RegressionInput input)
      : rows_(input.rows),
        standardisation_(std::move(input.standardisation)),
        problem_(comm, std::move(input.data), std::move(input.options)),
        entries_(comm.sum(problem_.data().a.entries())) {}

  const Problem& problem() const override { return problem_; }
  std::string description() const override;
  std::vector<std::pair<std::string, Index>> sizes() const override;
  Index memory_bytes() const override;
  std::unique_ptr<HessianModel> hessian(HessianForm form) const override;
  std::string default_start() const override;
  Vector start(const StartOptions& options) const override;
  void write_solution(const std::string& folder, const Point& point) const override;
  void load_reference(const ReferenceFiles& files) override;
  std::optional<ReferenceReport> compare_with_reference(const Point& point) const override;

 private:
  bool is_sparse() const { return problem_.data().a.is_sparse(); }

  Index rows_;
  std::optional<Standardisation> standardisation_;
  RegressionProblem problem_;
  Index entries_;
  std::optional<Vector> reference_;
};

std::string LoadedRegression::description() const {
  const RegressionOptions& options = problem_.options();
  const std::string kind =
      is_sparse() ? fmt::format("sparse A with {} entries", entries_) : std::string("dense A");
  return fmt::format("regression, link {}, normalisation {}, {} rows of {}", formula(options.link),
                     to_string(options.normalisation), rows_, kind);
}

std::vector<std::pair<std::string, Index>> LoadedRegression::sizes() const {
  return {{"rows", rows_}, {"entries", entries_}, {"unknowns", problem_.unknowns()}};
}

Index LoadedRegression::memory_bytes() const {
  const RowMatrix& a = problem_.data().a;
  const auto entries = static_cast<double>(a.entries());
  const auto unknowns = static_cast<double>(problem_.unknowns());
  // Sparse: value and column of each entry, and the index by columns, two numbers more.
  const double matrix = entries * (is_sparse() ? 4 : 1);
  const double vectors = 12 * static_cast<double>(a.rows());
  const double hessian_and_factor = 2 * unknowns * unknowns / problem_.comm().size();
  constexpr double panels = 1 << 23;
  constexpr double most = 4e18;  // an Index holds no more
  return static_cast<Index>(
      std::min(most, sizeof(double) * (matrix + vectors + hessian_and_factor + panels)));
}

std::unique_ptr<HessianModel> LoadedRegression::hessian(HessianForm form) const {
  if (form != HessianForm::exact)
    throw UsageError("--hessian gauss-newton goes with --problem attention alone");
  return std::make_unique<RegressionHessian>(problem_);
}

// x = 0 is stationary for even links and has no α for odd ones.
std::string LoadedRegression::default_start() const {
  const Link link = problem_.options().link.kind;
  return link == Link::cosh || link == Link::sinh || link == Link::power ? "random" : "zero";
}

Vector LoadedRegression::start(const StartOptions& options) const {
  const std::vector<std::string> files = options.files();
  if (files.size() > 1) throw UsageError("a regression has one unknown, x: give one file to start from");
  if (!files.empty()) return read_unknown(problem_, files.front());
  const std::string rule = options.words.empty() ? default_start() : options.words.front();
  if (rule == "least-squares")
    throw UsageError("the start least-squares goes with --problem attention alone: take zero or random");
  if (rule == "random") return random_start(problem_.comm(), problem_.data().a, options.seed);
  return Vector::Zero(problem_.unknowns());
}

void LoadedRegression::write_solution(const std::string& folder, const Point& point) const {
  agree_on_errors(problem_.comm(), [&] {
    if (!problem_.comm().is_root()) return;
    write_npy_vector(path_in(folder, "x.npy"), point.theta());
    if (standardisation_) write_standardisation(folder, *standardisation_);
  });
}

void LoadedRegression::load_reference(const ReferenceFiles& files) {
  reference_ = read_unknown(problem_, files.x);
}

std::optional<ReferenceReport> LoadedRegression::compare_with_reference(const Point& point) const {
  if (!reference_) return std::nullopt;
  const RowMatrix& a = problem_.data().a;
  const Communicator& comm = problem_.comm();
  const auto relative = [](double error, double size) { return size > 0 ? error / size : error; };
  const double score_difference = std::sqrt(comm.sum(a.times(point.theta() - *reference_).squaredNorm()));
  const double x_error = relative((point.theta() - *reference_).norm(), reference_->norm());
  const double score_error =
      relative(score_difference, std::sqrt(comm.sum(a.times(*reference_).squaredNorm())));
  return ReferenceReport{{{"x_error", x_error}, {"score_error", score_error}},
                         fmt::format("x within {:.1e}, scores A x within {:.1e}", x_error, score_error)};
}

}  // namespace

std::unique_ptr<LoadedProblem> load_regression(const Communicator& comm, const ProblemOptions& options) {
  return std::make_unique<LoadedRegression>(comm, read_regression_share(comm, options));
}

}  // namespace attnewton
