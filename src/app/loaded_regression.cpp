// A regression on one vector as the commands use it.
#include <algorithm>

#include <fmt/format.h>

#include "attnewton/curvature/regression_hessian.hpp"

#include "loaded_problem.hpp"
#include "regression_input.hpp"
#include "vector_unknown.hpp"

namespace attnewton {
namespace {

class LoadedRegression : public LoadedProblem {
 public:
  LoadedRegression(const Communicator& comm, RegressionInput input, const ProblemOptions& options)
      : options_(options),
        rows_(input.rows),
        unknown_(std::move(input.standardisation)),
        problem_(comm, std::move(input.data), std::move(input.options)),
        entries_(comm.sum(problem_.data().a.entries())) {}

  const Problem& problem() const override { return problem_; }
  std::string description() const override;
  std::vector<std::pair<std::string, Index>> sizes() const override;
  Index memory_bytes(Index assembled_hessians) const override;
  std::unique_ptr<HessianModel> hessian(const HessianOptions& options) const override;
  double cost_in_gradients(const HessianOptions& options) const override;
  std::string default_start() const override;
  Vector start(const StartOptions& options) const override {
    return unknown_.start(problem_, problem_.data().a, options, default_start());
  }
  void write_solution(const std::string& folder, const Point& point) const override {
    unknown_.write(problem_.comm(), folder, point);
  }
  RowMatrix read_moved_rows(const std::string& path) const override {
    const Range rows{problem_.data().first_row, problem_.data().first_row + problem_.data().a.rows()};
    return attnewton::read_moved_rows(problem_.comm(), {"the moved A", path}, options_,
                                      {rows, problem_.unknowns(), unknown_.standardisation()});
  }
  void load_reference(const ReferenceFiles& files) override { unknown_.load_reference(problem_, files); }
  std::optional<ReferenceReport> compare_with_reference(const Point& point) const override {
    return unknown_.compare(problem_.comm(), problem_.data().a, point);
  }

 private:
  bool is_sparse() const { return problem_.data().a.is_sparse(); }

  ProblemOptions options_;
  Index rows_;
  VectorUnknown unknown_;
  RegressionProblem problem_;
  Index entries_;
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

Index LoadedRegression::memory_bytes(Index assembled_hessians) const {
  const RowMatrix& a = problem_.data().a;
  const auto entries = static_cast<double>(a.entries());
  const auto unknowns = static_cast<double>(problem_.unknowns());
  // Sparse: value and column of each entry, and the index by columns, two numbers more.
  const double matrix = entries * (is_sparse() ? 4 : 1);
  const double vectors = 12 * static_cast<double>(a.rows());
  const double hessians_and_factors =
      static_cast<double>(assembled_hessians) * 2 * unknowns * unknowns / problem_.comm().size();
  constexpr double panels = 1 << 23;
  constexpr double most = 4e18;  // an Index holds no more
  return static_cast<Index>(
      std::min(most, sizeof(double) * (matrix + vectors + hessians_and_factors + panels)));
}

std::unique_ptr<HessianModel> LoadedRegression::hessian(const HessianOptions& options) const {
  if (options.kind == HessianKind::sampled)
    return std::make_unique<SampledRegressionHessian>(problem_, regression_sampling(options));
  return std::make_unique<RegressionHessian>(problem_, form_of(options));
}

// x = 0 is stationary for even links and has no α for odd ones.
std::string LoadedRegression::default_start() const {
  const Link link = problem_.options().link.kind;
  const bool lacks_alpha = link == Link::identity && problem_.options().normalisation != Normalisation::none;
  return link == Link::cosh || link == Link::sinh || link == Link::power || lacks_alpha ? "random" : "zero";
}

double LoadedRegression::cost_in_gradients(const HessianOptions& /*options*/) const {
  const auto rows = static_cast<double>(rows_);
  const auto entries = static_cast<double>(entries_);
  const auto unknowns = static_cast<double>(problem_.unknowns());
  // AᵀDA adds up half of a square of each row, loss and gradient read each entry twice.
  return (0.5 * entries * entries / rows + unknowns * unknowns * unknowns / 6) / (2 * entries);
}

}  // namespace

std::unique_ptr<LoadedProblem> load_regression(const Communicator& comm, const ProblemOptions& options) {
  return std::make_unique<LoadedRegression>(comm, read_regression_share(comm, options), options);
}

}  // namespace attnewton
