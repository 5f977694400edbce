#include "attnewton/curvature/sampled_attention_hessian.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"
#include "attnewton/core/timing.hpp"
#include "attnewton/curvature/attention_hessian.hpp"
#include "attnewton/random/stream.hpp"

#include "attention_assembly.hpp"
#include "attention_importances.hpp"

namespace attnewton {
namespace {

// How many times as many rows as if their residuals were independent directions: measured.
constexpr double weighted_excess = 2.5;
constexpr double uniform_excess = 7;

void check(const AttentionSamplingOptions& options) {
  if (options.rows < 0)
    throw UsageError(fmt::format("the number of sampled rows must be positive, not {}", options.rows));
  if (!(options.epsilon > 0) || !std::isfinite(options.epsilon))
    throw UsageError(
        fmt::format("the distortion of a sample must be a positive number, not {}", options.epsilon));
  if (!(options.gradient_exponent >= 0) || !std::isfinite(options.gradient_exponent))
    throw UsageError(fmt::format("the exponent by which a sample grows must be at least 0, not {}",
                                 options.gradient_exponent));
  if (!(options.iteration_growth >= 1) || !std::isfinite(options.iteration_growth))
    throw UsageError(fmt::format("the factor by which a sample grows an iteration must be at least 1, not {}",
                                 options.iteration_growth));
}

// The number of the first local row among all. Collective.
Index first_row_of(const AttentionProblem& problem) {
  const auto counts = problem.comm().all_gather(problem.data().queries.rows());
  Index first = 0;
  for (int rank = 0; rank < problem.comm().rank(); ++rank) first += counts[static_cast<std::size_t>(rank)];
  return first;
}

// K_y = Σ w_j t_j t_jᵀ + regulariser, summed over ranks.
Matrix gram_y_of(const AttentionProblem& problem, const AttentionRows& rows) {
  Matrix gram = transpose_product(rows.left_mixed, rows.left_mixed);
  problem.comm().sum(gram);
  return gram + problem.regulariser().gram_y();
}

}  // namespace

Index default_sampled_query_rows(const AttentionData& data, RowSampling rule, double epsilon) {
  const auto unknowns = static_cast<double>(data.query_width() * data.key_width());
  const auto residuals = static_cast<double>(std::min(data.output_width(), data.key_width()));
  const double ratio = std::sqrt(1 + epsilon) - 1;
  const double columns = std::max(unknowns / residuals, static_cast<double>(data.value_width()));
  const double excess = rule == RowSampling::uniform ? uniform_excess : weighted_excess;
  // More rows than any problem has are as good as all.
  return static_cast<Index>(std::ceil(std::min(excess * columns / (ratio * ratio), 1e15)));
}

SampledAttentionHessian::SampledAttentionHessian(const AttentionProblem& problem,
                                                 const AttentionSamplingOptions& options)
    : problem_(problem),
      options_(options),
      all_rows_(problem.comm().sum(problem.data().queries.rows())),
      first_row_(first_row_of(problem)),
      initial_rows_(options.rows) {
  check(options);
  if (options.rows == 0)
    initial_rows_ = default_sampled_query_rows(problem.data(), options.rule, options.epsilon);
}

Index SampledAttentionHessian::sampled_rows(const Progress& progress) const {
  const double by_gradient = progress.relative_gradient > 0
                                 ? std::pow(progress.relative_gradient, -options_.gradient_exponent)
                                 : 1.0;
  const double by_iteration = std::pow(options_.iteration_growth, static_cast<double>(progress.iteration));
  const double rows = static_cast<double>(initial_rows_) * std::max({1.0, by_gradient, by_iteration});
  if (!(2 * rows < static_cast<double>(all_rows_))) return all_rows_;
  return static_cast<Index>(std::ceil(rows));
}

RowSample SampledAttentionHessian::draw(const AttentionPoint& point, Index rows, Index iteration) const {
  const TimingScope timing("row sampling");
  const RandomStream probes(options_.seed, RandomPurpose::leverage, static_cast<std::uint64_t>(iteration));
  return draw_rows(problem_.comm(),
                   attention_importances(problem_, point, options_.rule, options_.form, probes), first_row_,
                   {static_cast<double>(rows), options_.seed, iteration});
}

void SampledAttentionHessian::assemble(const Point& base, const Progress& progress,
                                       DistributedMatrix& h) const {
  const auto& point = static_cast<const AttentionPoint&>(base);
  const bool eliminates = problem_.variables() == AttentionVariables::projected;
  Index wanted = sampled_rows(progress);
  while (wanted < all_rows_) {
    const SampledAttentionRows sample(problem_, point, draw(point, wanted, progress.iteration));
    const Matrix gram = gram_y_of(problem_, sample.rows());
    const Matrix factor = eliminates ? problem_.agreed_factor(gram) : Matrix();
    if (!eliminates || factor.size() > 0) {
      assemble_attention_hessian(problem_, point, sample.rows(), options_.form, {gram, factor}, h);
      return;
    }
    // So few rows, or so like ones, do not tell Y: the draws of a larger sample hold these.
    wanted = 4 * wanted < all_rows_ ? 2 * wanted : all_rows_;
  }
  AttentionHessian(problem_, options_.form).assemble(point, progress, h);
}

}  // namespace attnewton
