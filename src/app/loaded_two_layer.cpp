// A two-layer regression as the commands use it.
#include <algorithm>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"
#include "attnewton/curvature/two_layer_hessian.hpp"
#include "attnewton/io/matrix_file.hpp"
#include "attnewton/io/npy.hpp"
#include "attnewton/parallel/agreement.hpp"

#include "loaded_problem.hpp"
#include "regression_input.hpp"
#include "vector_unknown.hpp"

namespace attnewton {
namespace {

struct TwoLayerInput {
  TwoLayerData data;
  TwoLayerOptions options;
  Index rows = 0;
  std::optional<Standardisation> standardisation;
};

// The columns of A₂ that meet these rows of A₁.
Matrix read_second_layer(const Communicator& comm, const ProblemOptions& options, Range rows,
                         Index total_rows) {
  Matrix a2;
  agree_on_errors(comm, [&] {
    const NpyFile file = open_npy(options.a2);
    if (file.columns() != total_rows)
      throw DataError(
          fmt::format("A2 ({}) is {} x {}, but A1 ({}) has {} rows: A2 must have a column for each",
                      options.a2, file.rows(), file.columns(), options.a1, total_rows));
    a2 = read_npy_columns(file, rows);
  });
  return a2;
}

TwoLayerInput read_input(const Communicator& comm, const ProblemOptions& options) {
  PreparedRows prepared = read_rows(comm, {"A1", options.a1}, options);
  TwoLayerInput input;
  input.rows = prepared.total_rows;
  input.standardisation = std::move(prepared.standardisation);
  input.data.first_row = prepared.rows.begin;
  input.data.a2 = read_second_layer(comm, options, prepared.rows, prepared.total_rows);
  input.data.target = read_column(comm, options.b, input.data.a2.rows(), "b",
                                  fmt::format("A2 ({})", options.a2), options.csv_header);
  input.options.activation = options.activation;
  input.options.weights = read_weights(comm, {"A1", options.a1}, options, prepared.rows);
  input.options.ridge = options.ridge;
  input.data.a1 = std::move(prepared.a);
  return input;
}

class LoadedTwoLayer : public LoadedProblem {
 public:
  LoadedTwoLayer(const Communicator& comm, TwoLayerInput input)
      : rows_(input.rows),
        unknown_(std::move(input.standardisation)),
        problem_(comm, std::move(input.data), std::move(input.options)) {}

  const Problem& problem() const override { return problem_; }
  std::string description() const override {
    return fmt::format("two-layer regression, activation {}, {} rows of {} A1, {} outputs",
                       to_string(problem_.options().activation), rows_,
                       problem_.data().a1.is_sparse() ? "sparse" : "dense", problem_.data().a2.rows());
  }
  std::vector<std::pair<std::string, Index>> sizes() const override {
    return {{"rows", rows_}, {"outputs", problem_.data().a2.rows()}, {"unknowns", problem_.unknowns()}};
  }
  Index memory_bytes(Index assembled_hessians) const override;
  std::unique_ptr<HessianModel> hessian(const HessianOptions& options) const override {
    return std::make_unique<TwoLayerHessian>(problem_, form_of(options));
  }
  double cost_in_gradients(const HessianOptions& options) const override;
  std::string default_start() const override { return "zero"; }
  Vector start(const StartOptions& options) const override {
    return unknown_.start(problem_, problem_.data().a1, options, default_start());
  }
  void write_solution(const std::string& folder, const Point& point) const override {
    unknown_.write(problem_.comm(), folder, point);
  }
  void load_reference(const ReferenceFiles& files) override { unknown_.load_reference(problem_, files); }
  std::optional<ReferenceReport> compare_with_reference(const Point& point) const override {
    return unknown_.compare(problem_.comm(), problem_.data().a1, point);
  }

 private:
  Index rows_;
  VectorUnknown unknown_;
  TwoLayerProblem problem_;
};

Index LoadedTwoLayer::memory_bytes(Index assembled_hessians) const {
  const TwoLayerData& data = problem_.data();
  const auto unknowns = static_cast<double>(problem_.unknowns());
  const auto outputs = static_cast<double>(data.a2.rows());
  const double matrices = static_cast<double>(data.a1.entries()) * (data.a1.is_sparse() ? 4 : 1) +
                          static_cast<double>(data.a2.size());
  const double vectors = 10 * static_cast<double>(data.a1.rows()) + 12 * outputs;
  const double hessians_and_factors = static_cast<double>(assembled_hessians) *
                                      (2 * unknowns * unknowns + outputs * unknowns) / problem_.comm().size();
  constexpr double panels = 1 << 23;
  constexpr double most = 4e18;  // an Index holds no more
  return static_cast<Index>(
      std::min(most, sizeof(double) * (matrices + vectors + hessians_and_factors + panels)));
}

double LoadedTwoLayer::cost_in_gradients(const HessianOptions& /*options*/) const {
  const auto unknowns = static_cast<double>(problem_.unknowns());
  const double entries =
      static_cast<double>(problem_.comm().sum(problem_.data().a1.entries())) + 1;  // none: A1 = 0
  const auto outputs = static_cast<double>(problem_.data().a2.rows());
  const auto rows = static_cast<double>(rows_);
  // A₁ᵀ diag A₁, A₂JA₁ and its Gram matrix; loss and gradient read both matrices twice.
  const double sums =
      0.5 * entries * entries / rows + outputs * entries + 0.5 * outputs * unknowns * unknowns;
  return (sums + unknowns * unknowns * unknowns / 6) / (2 * entries + 2 * outputs * rows);
}

}  // namespace

std::unique_ptr<LoadedProblem> load_two_layer(const Communicator& comm, const ProblemOptions& options) {
  return std::make_unique<LoadedTwoLayer>(comm, read_input(comm, options));
}

}  // namespace attnewton
