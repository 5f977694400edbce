#include "attnewton/curvature/sampled_regression_hessian.hpp"

#include <cmath>
#include <span>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"
#include "attnewton/core/timing.hpp"
#include "attnewton/curvature/gram_assembly.hpp"
#include "attnewton/curvature/weighted_gram.hpp"
#include "attnewton/sketch/leverage_scores.hpp"

#include "regression_sums.hpp"

namespace attnewton {

// AᵀDA = Σ D_ii (a_i − ψ_i k)(a_i − ψ_i k)ᵀ + terms that sums over all rows give: a sample of it is exact
// along what ψ means. Empty vectors: ψ = 0.
struct SampledRegressionHessian::Diagonal {
  Vector entries;  // D, local rows
  Vector scaling;  // ψ, local rows
  Vector kept;     // k = Aᵀ|D|ψ / ψᵀ|D|ψ, whole on every rank

  bool keeps() const { return kept.size() > 0; }
};

namespace {

Vector sum_over_ranks(const Communicator& comm, Vector numbers) {
  comm.sum(std::span<double>(numbers.data(), static_cast<std::size_t>(numbers.size())));
  return numbers;
}

}  // namespace

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

SampledRegressionHessian::Diagonal SampledRegressionHessian::diagonal_at(const RegressionPoint& point,
                                                                         const Vector& entries) const {
  Diagonal diagonal{entries, {}, {}};
  if (!problem_.is_normalised()) return diagonal;
  const LinkFunction& link = problem_.options().link;
  diagonal.scaling =
      scaling_direction(link, point.scores, evaluate_link(link, point.scores.array() - point.shift));
  const Vector sizes = entries.cwiseAbs().cwiseProduct(diagonal.scaling);
  const double square = problem_.comm().sum(sizes.dot(diagonal.scaling));
  const Vector sum = sum_over_ranks(problem_.comm(), problem_.data().a.transpose_times(sizes));
  if (square > 0) diagonal.kept = sum / square;
  return diagonal;
}

Vector SampledRegressionHessian::importances(const Diagonal& diagonal, Index iteration,
                                             const std::shared_ptr<const ProcessGrid>& grid) const {
  const RegressionData& data = problem_.data();
  const Vector sizes = diagonal.entries.cwiseAbs();
  if (options_.rule == RowSampling::uniform) return Vector::Ones(sizes.size());
  if (options_.rule == RowSampling::leverage) {
    return approximate_leverage_scores(grid, {data.a, sizes, data.first_row, diagonal.scaling, diagonal.kept},
                                       {problem_.options().ridge, options_.seed, iteration});
  }
  Vector squares = data.a.squared_row_norms();
  if (diagonal.keeps()) {
    const Vector along = 2 * data.a.times(diagonal.kept) - diagonal.kept.squaredNorm() * diagonal.scaling;
    squares = (squares - diagonal.scaling.cwiseProduct(along)).cwiseMax(0);
  }
  return sizes.cwiseProduct(squares);
}

// None where every row is to be taken: because that many are wanted, or because D or an importance is not
// finite, which no sample can mend and the sum over all rows will show.
std::optional<RowSample> SampledRegressionHessian::sample(
    const Diagonal& diagonal, Index iteration, const std::shared_ptr<const ProcessGrid>& grid) const {
  const TimingScope timing("row sampling");
  const Communicator& comm = problem_.comm();
  const RegressionData& data = problem_.data();
  const auto is_finite = [&](const Vector& numbers) {
    return comm.min(Index{numbers.allFinite() ? 1 : 0}) == 1;
  };
  if (!is_finite(diagonal.entries) || !is_finite(diagonal.kept)) return std::nullopt;
  const Vector by = importances(diagonal, iteration, grid);
  if (!is_finite(by)) return std::nullopt;
  return draw_rows(comm, by, data.first_row, {static_cast<double>(sampled_rows_), options_.seed, iteration});
}

// H += Σ over the sample of D_ii a_i a_iᵀ / p_i, and what takes the sample's error along ψ off it: with
// t_i = D_ii ψ_i (1 − [i in the sample] / p_i), which is 0 on average, f kᵀ + k fᵀ − (tᵀψ) k kᵀ, f = Aᵀt.
void SampledRegressionHessian::add_sample(const Diagonal& diagonal, const RowSample& taken,
                                          DistributedMatrix& h) const {
  const RowMatrix& a = problem_.data().a;
  const RowMatrix rows = a.select(taken.rows);
  const Vector weights = diagonal.entries(taken.rows).cwiseProduct(taken.weights);
  add_weighted_grams({{WeightedGram(rows), weights}}, h);
  if (!diagonal.keeps()) return;
  Vector error = diagonal.entries;
  error(taken.rows) -= weights;
  error.array() *= diagonal.scaling.array();
  const double along = problem_.comm().sum(error.dot(diagonal.scaling));
  const Vector across = sum_over_ranks(problem_.comm(), a.transpose_times(error));
  add_rank_two(-along, diagonal.kept, -across, h);
}

void SampledRegressionHessian::assemble(const Point& base, const Progress& progress,
                                        DistributedMatrix& h) const {
  const auto& point = static_cast<const RegressionPoint&>(base);
  require(h.rows() == problem_.unknowns() && h.columns() == problem_.unknowns(),
          "SampledRegressionHessian::assemble: h is unknowns × unknowns");
  h.set_zero();
  const RowMatrix& a = problem_.data().a;
  const Vector by_scores = problem_.curvature_diagonal(point, HessianForm::exact);
  std::optional<RowSample> taken;
  Diagonal diagonal;
  if (sampled_rows_ < problem_.comm().sum(a.rows())) {
    diagonal = diagonal_at(point, by_scores);
    taken = sample(diagonal, progress.iteration, h.grid());
  }
  if (taken) {
    add_sample(diagonal, *taken, h);
  } else {
    add_weighted_grams({{WeightedGram(a), by_scores}}, h);
  }
  add_rank_two_and_ridge(problem_, point, HessianForm::exact, h);
}

}  // namespace attnewton
