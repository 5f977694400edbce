#include "attnewton/problems/multi_softmax.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <span>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"
#include "attnewton/linalg/blas.hpp"
#include "attnewton/parallel/agreement.hpp"
#include "attnewton/parallel/deterministic.hpp"

namespace attnewton {
namespace {

constexpr const char* overflow_message =
    "the loss overflows: target, weights or A1 X A2ᵀ are too large; start nearer to X = 0 or scale the "
    "inputs "
    "down";

// Largest Σ_k exp(S_jk) of a point in the domain, where not softmax divides by it: squares of it and their
// sums must be numbers.
constexpr double largest_sum = 1e140;

// Before an index of no row.
constexpr Index nowhere = std::numeric_limits<Index>::max();

void check_numbers(const Matrix& numbers, const char* what, Index first_row) {
  for (Index i = 0; i < numbers.rows(); ++i) {
    for (Index j = 0; j < numbers.cols(); ++j) {
      if (!std::isfinite(numbers(i, j)))
        throw DataError(fmt::format("{}: {} at row {}, column {} (counted from 0)", what, numbers(i, j),
                                    first_row + i, j));
    }
  }
}

void check_shapes(const MultiSoftmaxData& data, const MultiSoftmaxOptions& options) {
  const Index rows = data.queries.rows();
  if (data.queries.cols() < 1) throw DataError("A1 has no columns");
  if (data.keys.cols() < 1) throw DataError("A2 has no columns");
  if (data.keys.rows() < 1) throw DataError("A2 has no rows");
  if (data.target.rows() != rows)
    throw DataError(fmt::format("A1 and B differ in rows: {} and {}", rows, data.target.rows()));
  if (data.target.cols() != data.keys.rows())
    throw DataError(fmt::format("B has {} columns but A2 {} rows: B needs a column for each row of A2",
                                data.target.cols(), data.keys.rows()));
  if (options.weights.size() != 0 && options.weights.size() != rows)
    throw DataError(
        fmt::format("the weights and A1 differ in rows: {} and {}", options.weights.size(), rows));
}

void check_local(const MultiSoftmaxData& data, const MultiSoftmaxOptions& options) {
  if (!(options.ridge >= 0) || !std::isfinite(options.ridge))
    throw UsageError(fmt::format("the ridge must be a finite number of at least 0, not {}", options.ridge));
  if (!std::isfinite(data.scale))
    throw UsageError(fmt::format("the scale must be a finite number, not {}", data.scale));
  check_shapes(data, options);
  check_numbers(data.queries, "A1", data.first_row);
  check_numbers(data.keys, "A2", 0);
  check_numbers(data.target, "B", data.first_row);
  check_numbers(options.weights, "the weights", data.first_row);
}

// What only all ranks together can tell.
void check_together(const Communicator& comm, const MultiSoftmaxData& data,
                    const MultiSoftmaxOptions& options) {
  const Index sizes[] = {data.queries.cols(), data.keys.cols(), data.keys.rows()};
  const char* const names[] = {"rows of A1 differ in width", "A2 differ in width", "A2 differ in rows"};
  for (std::size_t i = 0; i < std::size(sizes); ++i) {
    if (comm.min(sizes[i]) != comm.max(sizes[i])) throw DataError(fmt::format("the ranks' {}", names[i]));
  }
  const Index rows = data.queries.rows();
  if (comm.sum(rows) == 0) throw DataError("A1 has no rows");
  const bool lacks_weights = rows > 0 && options.weights.size() == 0;
  if (comm.max(Index{options.weights.size()}) > 0 && comm.max(Index{lacks_weights ? 1 : 0}) > 0)
    throw DataError("some ranks' rows have weights and others' none");
}

MultiSoftmaxData checked(const Communicator& comm, MultiSoftmaxData data,
                         const MultiSoftmaxOptions& options) {
  agree_on_errors(comm, [&] { check_local(data, options); });
  check_together(comm, data, options);
  return data;
}

// All keys for every row; cuts between tiles depend on the rows' numbers alone.
std::vector<AttentionTile> tiles_of(const MultiSoftmaxData& data) {
  if (data.queries.rows() == 0) return {};
  const LocalSequence rows{
      .queries = {0, data.queries.rows()}, .keys = {0, data.keys.rows()}, .first_position = data.first_row};
  return make_tiles(std::span(&rows, 1), false);
}

std::unique_ptr<Point> outside(const Vector& theta, std::string obstacle) {
  const double infinity = std::numeric_limits<double>::infinity();
  return std::make_unique<MultiSoftmaxPoint>(theta, Objective{infinity, infinity, infinity},
                                             std::move(obstacle));
}

bool is_inside(const MultiSoftmaxRows& rows, Index j) {
  return rows.log_sum.size() > 0 ? std::isfinite(rows.log_sum[j]) : rows.sum[j] <= largest_sum;
}

// The key of local row j whose score is no number, or else the largest.
std::string fault_of_row(const MultiSoftmaxInputs& inputs, Index j) {
  const MultiSoftmaxData& data = inputs.data;
  const Vector scores = data.keys * (inputs.scaled_x.transpose() * data.queries.row(j).transpose());
  Index key = 0;
  for (Index k = 1; k < scores.size() && std::isfinite(scores[key]); ++k) {
    if (!(scores[k] <= scores[key])) key = k;
  }
  const bool is_number = std::isfinite(scores[key]);
  return fmt::format(
      "query row {}, key {} (counted from 0): the score scale·(A1 X A2ᵀ) = {}{}; start nearer "
      "to X = 0 or scale the inputs down{}",
      data.first_row + j, key, scores[key],
      is_number ? ", where the square of the row's sum of exp overflows" : " is not finite",
      is_number ? ", or take --normalisation softmax" : "");
}

}  // namespace

MultiSoftmaxProblem::MultiSoftmaxProblem(const Communicator& comm, MultiSoftmaxData data,
                                         MultiSoftmaxOptions options)
    : comm_(comm),
      data_(checked(comm, std::move(data), options)),
      options_(std::move(options)),
      keys_(data_.keys),
      tiles_(tiles_of(data_)),
      target_squared_(data_.target.rowwise().squaredNorm()) {
  target_norm_squared_ = comm_.sum(target_squared_.sum());
  if (comm_.max(Index{options_.weights.size()}) == 0) return;
  const Matrix weighted = options_.weights.asDiagonal() * data_.queries;
  query_gram_ = transpose_product(weighted, weighted);
  comm_.sum(query_gram_);
  key_gram_ = transpose_product(data_.keys, data_.keys);
}

MultiSoftmaxInputs MultiSoftmaxProblem::inputs_at(const Matrix& x) const {
  return {data_, keys_, target_squared_, options_.normalisation, x};
}

Matrix MultiSoftmaxProblem::matrix_of(const Vector& theta) const {
  require(theta.size() == unknowns(), "MultiSoftmaxProblem: θ has as many entries as unknowns");
  return ConstMatrixView(theta.data(), data_.queries.cols(), data_.keys.cols());
}

// Names the first query row of all ranks that lies outside the domain; empty if none does. Collective.
std::string MultiSoftmaxProblem::obstacle_in(const MultiSoftmaxInputs& inputs,
                                             const MultiSoftmaxRows& rows) const {
  const Index count = data_.queries.rows();
  Index row = 0;
  while (row < count && is_inside(rows, row)) ++row;
  const Index here = row < count ? data_.first_row + row : nowhere;
  const Index first = comm_.min(here);
  if (first == nowhere) return {};
  const auto owner = comm_.min(here == first ? Index{comm_.rank()} : Index{comm_.size()});
  const bool is_owner = owner == comm_.rank();
  return comm_.broadcast(is_owner ? fault_of_row(inputs, row) : "", static_cast<int>(owner));
}

// The target that the residual is relative to is B, and diag(α) B where that is what U is compared with.
Objective MultiSoftmaxProblem::objective_of(const Matrix& x, const MultiSoftmaxRows& rows) const {
  const double residual_squared = comm_.sum(rows.residual_squared.sum());
  Objective objective;
  objective.data_loss = 0.5 * residual_squared;
  objective.loss = objective.data_loss + 0.5 * inner_product(x, regulariser_times(x));
  const double target_squared = options_.normalisation == Normalisation::rescaled
                                    ? comm_.sum(rows.sum.array().square().matrix().dot(target_squared_))
                                    : target_norm_squared_;
  objective.relative_residual =
      residual_squared > 0 ? std::sqrt(residual_squared) / std::sqrt(target_squared) : 0;
  // Ranks on unlike processors may round unlike; what decides must be one number.
  std::array values{objective.loss, objective.data_loss, objective.relative_residual};
  comm_.broadcast(std::span<double>(values));
  return {values[0], values[1], values[2]};
}

// (A₁ᵀW²A₁) X (A₂ᵀA₂) + λX: the regulariser's gradient, and its Hessian times X. Local.
Matrix MultiSoftmaxProblem::regulariser_times(const Matrix& x) const {
  Matrix product = options_.ridge * x;
  if (query_gram_.size() > 0) product += query_gram_ * x * key_gram_;
  return product;
}

std::unique_ptr<Point> MultiSoftmaxProblem::evaluate(const Vector& theta) const {
  return evaluate(theta, false);
}

std::unique_ptr<Point> MultiSoftmaxProblem::evaluate_with_gradient(const Vector& theta) const {
  return evaluate(theta, true);
}

std::unique_ptr<Point> MultiSoftmaxProblem::evaluate(const Vector& theta, bool with_gradient) const {
  Matrix x = matrix_of(theta);
  const Index n = data_.queries.rows();
  MultiSoftmaxRows rows(n, options_.normalisation);
  Matrix pulled_back(with_gradient ? n : 0, with_gradient ? data_.keys.cols() : 0);
  const MultiSoftmaxInputs inputs = inputs_at(x);
  for_each_task(static_cast<Index>(tiles_.size()), [&](Index i) {
    MultiSoftmaxTile tile(inputs, tiles_[static_cast<std::size_t>(i)]);
    tile.evaluate(rows);
    if (with_gradient) tile.pull_back(pulled_back);
  });
  std::string obstacle = obstacle_in(inputs, rows);
  if (!obstacle.empty()) return outside(theta, std::move(obstacle));
  const Objective objective = objective_of(x, rows);
  if (!objective.is_finite()) return outside(theta, overflow_message);

  auto point = std::make_unique<MultiSoftmaxPoint>(theta, objective);
  point->x = std::move(x);
  point->rows = std::move(rows);
  point->pulled_back = std::move(pulled_back);
  return point;
}

}  // namespace attnewton
