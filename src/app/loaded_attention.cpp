// One attention layer as the commands use it.
#include <algorithm>

#include <fmt/format.h>

#include "attnewton/bench/operation_count.hpp"
#include "attnewton/curvature/attention_hessian.hpp"
#include "attnewton/curvature/kronecker_hessian.hpp"
#include "attnewton/io/npy_writer.hpp"
#include "attnewton/parallel/agreement.hpp"
#include "attnewton/problems/attention_reference.hpp"

#include "attention_input.hpp"
#include "attention_start.hpp"
#include "loaded_problem.hpp"
#include "solve_output.hpp"

namespace attnewton {
namespace {

AttentionInput read_input(const Communicator& comm, const ProblemOptions& options) {
  AttentionInput input;
  agree_on_errors(comm, [&] { input = read_attention_share(options, comm.rank(), comm.size()); });
  return input;
}

struct KnownWeights {
  Matrix x;
  Matrix y;
};

class LoadedAttention : public LoadedProblem {
 public:
  LoadedAttention(const Communicator& comm, AttentionInput input, const ProblemOptions& options)
      : rows_(input.rows),
        keys_(input.keys),
        sequences_(input.sequences),
        problem_(comm, std::move(input.data), input.regulariser, options.variables, options.precision) {}

  const Problem& problem() const override { return problem_; }
  std::string description() const override;
  std::vector<std::pair<std::string, Index>> sizes() const override;
  Index memory_bytes(Index assembled_hessians) const override;
  std::unique_ptr<HessianModel> hessian(const HessianOptions& options) const override;
  std::unique_ptr<DampedHessian> damped_hessian(const HessianOptions& options) const override;
  double cost_in_gradients(const HessianOptions& options) const override;
  std::string default_start() const override { return "least-squares"; }
  Vector start(const StartOptions& options) const override { return starting_point(problem_, options); }
  void write_solution(const std::string& folder, const Point& point) const override;
  void load_reference(const ReferenceFiles& files) override;
  std::optional<ReferenceReport> compare_with_reference(const Point& point) const override;

 private:
  Index rows_;
  Index keys_;
  Index sequences_;
  AttentionProblem problem_;
  std::optional<KnownWeights> reference_;
};

std::unique_ptr<HessianModel> LoadedAttention::hessian(const HessianOptions& options) const {
  switch (options.kind) {
    case HessianKind::sampled:
      return std::make_unique<SampledAttentionHessian>(problem_, attention_sampling(options));
    case HessianKind::tensor_srht:
    case HessianKind::tensor_sparse:
      return std::make_unique<TensorSketchedHessian>(problem_, tensor_sketch(options));
    default:
      return std::make_unique<AttentionHessian>(problem_, form_of(options));
  }
}

std::unique_ptr<DampedHessian> LoadedAttention::damped_hessian(const HessianOptions& options) const {
  switch (options.kind) {
    case HessianKind::kronecker:
      return make_kronecker_hessian(problem_);
    case HessianKind::y_block:
      return make_y_block_hessian(problem_);
    default:
      return LoadedProblem::damped_hessian(options);
  }
}

double LoadedAttention::cost_in_gradients(const HessianOptions& options) const {
  const AttentionData& data = problem_.data();
  double visible = 0;
  for (const AttentionTile& tile : problem_.tiles()) {
    for (Index row = 0; row < tile.queries.size(); ++row) visible += static_cast<double>(tile.visible(row));
  }
  const AttentionSize size{static_cast<double>(rows_),
                           static_cast<double>(keys_),
                           problem_.comm().sum(visible),
                           static_cast<double>(data.query_width()),
                           static_cast<double>(data.key_width()),
                           static_cast<double>(data.value_width()),
                           static_cast<double>(data.output_width()),
                           data.values_are_keys};
  double sums = assembly_operations(size, HessianForm::exact).operations;
  if (options.kind == HessianKind::sampled) {
    const SampledAttentionHessian model(problem_, attention_sampling(options));
    sums = assembly_operations(size, model.options().form).operations *
           static_cast<double>(model.sampled_rows(0)) / static_cast<double>(rows_);
  }
  const auto unknowns = static_cast<double>(problem_.unknowns());
  const double factor = unknowns * unknowns * (unknowns / 3 + size.d3 * size.e);
  return (sums + factor) / gradient_operations(size, problem_.variables()).operations;
}

std::string LoadedAttention::description() const {
  const AttentionData& data = problem_.data();
  return fmt::format("attention, {} queries and {} keys in {} sequence{}, widths {} {} {} {}", rows_, keys_,
                     sequences_, sequences_ == 1 ? "" : "s", data.query_width(), data.key_width(),
                     data.value_width(), data.output_width());
}

std::vector<std::pair<std::string, Index>> LoadedAttention::sizes() const {
  const AttentionData& data = problem_.data();
  return {{"rows", rows_},
          {"keys", keys_},
          {"sequences", sequences_},
          {"query_width", data.query_width()},
          {"key_width", data.key_width()},
          {"value_width", data.value_width()},
          {"output_width", data.output_width()},
          {"unknowns", problem_.unknowns()}};
}

Index LoadedAttention::memory_bytes(Index assembled_hessians) const {
  const AttentionData& data = problem_.data();
  const auto d1 = static_cast<double>(data.query_width());
  const auto d2 = static_cast<double>(data.key_width());
  const auto d3 = static_cast<double>(data.value_width());
  const auto e = static_cast<double>(data.output_width());
  const auto rows = static_cast<double>(data.queries.rows());
  const auto unknowns = static_cast<double>(problem_.unknowns());

  const auto inputs = static_cast<double>(data.queries.size() + data.keys.size() +
                                          data.separate_values.size() + data.target.size());
  const double points = 2 * rows * (d3 + e);
  const auto assembled = static_cast<double>(assembled_hessians);
  const double hessians_and_factors = assembled * 2 * unknowns * unknowns / problem_.comm().size();
  const double sums = std::min(assembled, 1.0) * (d1 * d1 * d2 * d2 / 4 + 2 * d1 * d2 * d3 * e);
  constexpr double most = 4e18;  // an Index holds no more
  return static_cast<Index>(std::min(most, sizeof(double) * (inputs + points + hessians_and_factors + sums)));
}

void LoadedAttention::write_solution(const std::string& folder, const Point& base) const {
  const auto& point = static_cast<const AttentionPoint&>(base);
  agree_on_errors(problem_.comm(), [&] {
    if (!problem_.comm().is_root()) return;
    write_npy(path_in(folder, "x.npy"), point.x);
    write_npy(path_in(folder, "y.npy"), point.y);
  });
}

void LoadedAttention::load_reference(const ReferenceFiles& files) {
  agree_on_errors(problem_.comm(), [&] {
    reference_ = KnownWeights{read_x(problem_, files.x), read_y(problem_, files.y)};
  });
}

std::optional<ReferenceReport> LoadedAttention::compare_with_reference(const Point& base) const {
  if (!reference_) return std::nullopt;
  const auto& point = static_cast<const AttentionPoint&>(base);
  const ReferenceErrors errors = errors_against_reference(problem_, point, reference_->x, reference_->y);
  return ReferenceReport{
      {{"x_error", errors.x_error},
       {"x_error_seen", errors.x_error_seen},
       {"logit_error", errors.logit_error},
       {"y_error", errors.y_error},
       {"y_error_seen", errors.y_error_seen}},
      fmt::format("logits within {:.1e}; on what the data sees X within {:.1e} and Y within {:.1e} (in all "
                  "{:.1e} and {:.1e})",
                  errors.logit_error, errors.x_error_seen, errors.y_error_seen, errors.x_error,
                  errors.y_error)};
}

}  // namespace

std::unique_ptr<LoadedProblem> load_attention(const Communicator& comm, const ProblemOptions& options) {
  return std::make_unique<LoadedAttention>(comm, read_input(comm, options), options);
}

}  // namespace attnewton
