#include "attnewton/curvature/sampled_regression_hessian.hpp"

#include <cmath>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"
#include "attnewton/core/timing.hpp"
#include "attnewton/curvature/weighted_gram.hpp"
#include "attnewton/sketch/leverage_scores.hpp"

#include "attnewton/curvature/gram_assembly.hpp"

#include "regression_sums.hpp"

namespace attnewton {

const char* to_string(RowSampling rule) {
  switch (rule) {
    case RowSampling::uniform:
      return "uniform";
    case RowSampling::norm:
      return "norm";
    case RowSampling::leverage:
      break;
  }
  return "leverage";
}

Index default_sampled_rows(Index unknowns) {
  const auto d = static_cast<double>(unknowns);
  return static_cast<Index>(std::ceil(8 * d * (1 + std::log(d))));
}

SampledRegressionHessian::SampledRegressionHessian(const RegressionProblem& problem,
                                                   const RowSamplingOptions& options)
    : problem_(problem),
      options_(options),
      sampled_rows_(options.rows > 0 ? options.rows : default_sampled_rows(problem.unknowns())) {
  if (options.rows < 0)
    throw UsageError(fmt::format("the number of sampled rows must be positive, not {}", options.rows));
}

Vector SampledRegressionHessian::importances(const Vector& diagonal, Index iteration,
                                             const std::shared_ptr<const ProcessGrid>& grid) const {
  const RegressionData& data = problem_.data();
  const Vector sizes = diagonal.cwiseAbs();
  switch (options_.rule) {
    case RowSampling::uniform:
      return Vector::Ones(sizes.size());
    case RowSampling::norm:
      return sizes.cwiseProduct(data.a.squared_row_norms());
    case RowSampling::leverage:
      break;
  }
  return approximate_leverage_scores(grid, {data.a, sizes, data.first_row},
                                     {problem_.options().ridge, options_.seed, iteration});
}

// None where every row is to be taken: because that many are wanted, or because D or an importance is not
// finite, which no sample can mend and the sum over all rows will show.
std::optional<RowSample> SampledRegressionHessian::sample(
    const Vector& diagonal, Index iteration, const std::shared_ptr<const ProcessGrid>& grid) const {
  const TimingScope timing("row sampling");
  const Communicator& comm = problem_.comm();
  const RegressionData& data = problem_.data();
  const auto is_finite = [&](const Vector& numbers) {
    return comm.min(Index{numbers.allFinite() ? 1 : 0}) == 1;
  };
  if (sampled_rows_ >= comm.sum(data.a.rows()) || !is_finite(diagonal)) return std::nullopt;
  const Vector by = importances(diagonal, iteration, grid);
  if (!is_finite(by)) return std::nullopt;
  return draw_rows(comm, by, data.first_row, {static_cast<double>(sampled_rows_), options_.seed, iteration});
}

void SampledRegressionHessian::assemble(const Point& base, Index iteration, DistributedMatrix& h) const {
  const auto& point = static_cast<const RegressionPoint&>(base);
  require(h.rows() == problem_.unknowns() && h.columns() == problem_.unknowns(),
          "SampledRegressionHessian::assemble: h is unknowns × unknowns");
  h.set_zero();
  const RowMatrix& a = problem_.data().a;
  const ScoreCurvature curvature = problem_.score_curvature(point);
  const std::optional<RowSample> taken = sample(curvature.diagonal, iteration, h.grid());
  if (taken) {
    const RowMatrix rows = a.select(taken->rows);
    const Vector weights = curvature.diagonal(taken->rows).cwiseProduct(taken->weights);
    add_weighted_grams({{WeightedGram(rows), weights}}, h);
  } else {
    add_weighted_grams({{WeightedGram(a), curvature.diagonal}}, h);
  }
  add_rank_two_and_ridge(problem_, curvature, h);
}

}  // namespace attnewton
