#include "attnewton/problems/attention.hpp"

#include <cmath>
#include <limits>
#include <span>

#include <Eigen/Cholesky>
#include <fmt/format.h>

#include "attnewton/core/error.hpp"
#include "attnewton/parallel/agreement.hpp"
#include "attnewton/problems/attention_tile.hpp"

namespace attnewton {
namespace {

constexpr const char* singular_message =
    "TᵀT + regulariser, the matrix that gives Y, is singular: values or mixed values are linearly dependent; "
    "give a "
    "--ridge (1e-4 is a good start)";

constexpr const char* overflow_message =
    "the loss or the matrix that gives Y overflows: weights, values or target are too large";

// Below this reciprocal condition number the system for Y has lost all digits.
constexpr double smallest_reciprocal_condition = 1e-15;

[[noreturn]] void throw_unequal(const char* what, Index a, Index b) {
  throw DataError(fmt::format("{}: {} and {}", what, a, b));
}

void check_sequences(const AttentionData& data) {
  Index next = 0;
  for (const LocalSequence& sequence : data.sequences) {
    if (sequence.queries.begin != next || sequence.queries.empty())
      throw_unequal("a sequence's queries must follow those before it", next, sequence.queries.begin);
    next = sequence.queries.end;
    if (sequence.keys.empty() || sequence.keys.begin < 0 || sequence.keys.end > data.keys.rows())
      throw_unequal("a sequence's keys must be one or more of the local ones", sequence.keys.begin,
                    sequence.keys.end);
    const Index last = sequence.first_position + sequence.queries.size();
    if (data.causal && last > sequence.keys.size())
      throw_unequal("a causal mask needs a key for every query of a sequence", last, sequence.keys.size());
  }
  if (next != data.queries.rows())
    throw_unequal("the sequences must hold every local query", next, data.queries.rows());
}

void check_shapes(const AttentionData& data) {
  if (data.queries.rows() != data.target.rows())
    throw_unequal("A1 and B have different numbers of rows", data.queries.rows(), data.target.rows());
  if (!data.values_are_keys && data.separate_values.rows() != data.keys.rows())
    throw_unequal("A2 and A3 have different numbers of rows", data.keys.rows(), data.separate_values.rows());
  if (data.query_width() < 1 || data.key_width() < 1 || data.value_width() < 1 || data.output_width() < 1)
    throw DataError("an input has no columns");
  check_sequences(data);
}

void check_regulariser(const AttentionData& data, const RegulariserOptions& options) {
  if (!(options.ridge >= 0) || !std::isfinite(options.ridge))
    throw UsageError("the ridge must be a finite number of at least 0");
  if (options.query_weights.size() == 0 && options.key_weights.size() == 0) return;
  if (options.query_weights.size() != data.queries.rows())
    throw_unequal("weights and queries differ in number", options.query_weights.size(), data.queries.rows());
  if (options.key_weights.size() != data.keys.rows())
    throw_unequal("weights and keys differ in number", options.key_weights.size(), data.keys.rows());
  if (!options.query_weights.allFinite() || !options.key_weights.allFinite())
    throw DataError("a weight is not finite");
}

// All ranks must bring the same widths: the lengths of what they reduce depend on them.
void check_widths_agree(const Communicator& comm, const AttentionData& data) {
  for (const Index width : {data.query_width(), data.key_width(), data.value_width(), data.output_width()}) {
    if (comm.min(width) != comm.max(width)) throw DataError("the ranks' inputs differ in width");
  }
}

AttentionData checked(const Communicator& comm, AttentionData data, const RegulariserOptions& regulariser) {
  agree_on_errors(comm, [&] {
    check_shapes(data);
    check_regulariser(data, regulariser);
  });
  check_widths_agree(comm, data);
  return data;
}

// Lower Cholesky factor of K_y, or an empty matrix if it is singular to working precision.
Matrix factor_or_empty(const Matrix& gram) {
  const Eigen::LLT<Eigen::MatrixXd> cholesky(gram);
  if (cholesky.info() != Eigen::Success || !(cholesky.rcond() > smallest_reciprocal_condition)) return {};
  return cholesky.matrixL();
}

Matrix solve_with_factor(const Matrix& lower, const Matrix& rhs) {
  const auto factor = lower.triangularView<Eigen::Lower>();
  Matrix solution = factor.solve(rhs);
  factor.transpose().solveInPlace(solution);
  return solution;
}

std::span<double> entries(Matrix& matrix) {
  return {matrix.data(), static_cast<std::size_t>(matrix.size())};
}

Objective not_finite() {
  const double infinity = std::numeric_limits<double>::infinity();
  return {infinity, infinity, infinity};
}

}  // namespace

AttentionProblem::AttentionProblem(const Communicator& comm, AttentionData data,
                                   const RegulariserOptions& regulariser, AttentionVariables variables)
    : comm_(comm),
      data_(checked(comm, std::move(data), regulariser)),
      tiles_(make_tiles(data_.sequences, data_.causal)),
      regulariser_(comm, data_, regulariser),
      variables_(variables) {
  target_norm_squared_ = comm_.sum(inner_product(data_.target, data_.target));
}

Index AttentionProblem::unknowns() const {
  return unknowns_x() + (variables_ == AttentionVariables::joint ? unknowns_y() : 0);
}

Vector AttentionProblem::theta_of(const Matrix& x, const Matrix& y) const {
  Vector theta(unknowns());
  theta.head(unknowns_x()) = Eigen::Map<const Vector>(x.data(), x.size());
  if (variables_ == AttentionVariables::joint)
    theta.tail(unknowns_y()) = Eigen::Map<const Vector>(y.data(), y.size());
  return theta;
}

// K_y and TᵀB, summed over ranks in one reduction.
AttentionProblem::NormalEquations AttentionProblem::normal_equations(const Matrix& mixed) const {
  const Index d3 = data_.value_width();
  Matrix both(d3, d3 + data_.output_width());
  both.leftCols(d3) = transpose_product(mixed, mixed);
  both.rightCols(data_.output_width()) = transpose_product(mixed, data_.target);
  comm_.sum(both);
  return {both.leftCols(d3) + regulariser_.gram_y(), both.rightCols(data_.output_width())};
}

Matrix AttentionProblem::least_squares_y(const Matrix& x) const {
  const NormalEquations equations = normal_equations(mixed_values(data_, tiles_, x));
  const Matrix factor = agreed_factor(equations.gram);
  if (factor.size() == 0) throw NumericalError(singular_message);
  Matrix y = solve_with_factor(factor, equations.cross);
  comm_.broadcast(entries(y));
  return y;
}

std::unique_ptr<Point> AttentionProblem::evaluate(const Vector& theta) const {
  require(theta.size() == unknowns(), "AttentionProblem::evaluate: θ has as many entries as unknowns");
  const Matrix x = ConstMatrixView(theta.data(), data_.query_width(), data_.key_width());
  Matrix mixed = mixed_values(data_, tiles_, x);
  NormalEquations equations = normal_equations(mixed);
  if (!equations.gram.allFinite() || !equations.cross.allFinite()) {
    return std::make_unique<AttentionPoint>(theta, not_finite(), overflow_message);
  }
  Matrix factor = agreed_factor(equations.gram);
  if (factor.size() == 0) return std::make_unique<AttentionPoint>(theta, not_finite(), singular_message);
  Matrix y;
  if (variables_ == AttentionVariables::joint) {
    y = ConstMatrixView(theta.data() + unknowns_x(), data_.value_width(), data_.output_width());
  } else {
    y = solve_with_factor(factor, equations.cross);
    comm_.broadcast(entries(y));
  }

  Matrix residual = product_by_rows(mixed, y) - data_.target;
  const Objective objective = objective_of(x, y, residual);
  auto point =
      std::make_unique<AttentionPoint>(theta, objective, objective.is_finite() ? "" : overflow_message);
  point->x = x;
  point->y = std::move(y);
  point->mixed = std::move(mixed);
  point->residual = std::move(residual);
  point->gram_y = std::move(equations.gram);
  point->factor_y = std::move(factor);
  return point;
}

Objective AttentionProblem::objective_of(const Matrix& x, const Matrix& y, const Matrix& residual) const {
  const double residual_squared = comm_.sum(inner_product(residual, residual));
  Objective objective;
  objective.data_loss = 0.5 * residual_squared;
  objective.loss = objective.data_loss + regulariser_.value(x, y);
  objective.relative_residual =
      residual_squared > 0 ? std::sqrt(residual_squared) / std::sqrt(target_norm_squared_) : 0;
  // Ranks on unlike processors may round unlike; what decides must be one number.
  double values[] = {objective.loss, objective.data_loss, objective.relative_residual};
  comm_.broadcast(std::span<double>(values));
  return {values[0], values[1], values[2]};
}

// The lower Cholesky factor of K_y that rank 0 found, or an empty matrix if any rank found none.
Matrix AttentionProblem::agreed_factor(const Matrix& gram) const {
  Matrix factor = factor_or_empty(gram);
  if (comm_.min(Index{factor.size()}) == 0) return {};
  comm_.broadcast(entries(factor));
  return factor;
}

Vector AttentionProblem::hessian_vector(const Point& base, const Vector& v) const {
  const auto& point = static_cast<const AttentionPoint&>(base);
  require(v.size() == unknowns(), "AttentionProblem::hessian_vector: v has as many entries as unknowns");
  const Matrix dx = ConstMatrixView(v.data(), data_.query_width(), data_.key_width());
  if (variables_ == AttentionVariables::joint) {
    const Matrix dy = ConstMatrixView(v.data() + unknowns_x(), data_.value_width(), data_.output_width());
    const Direction product = hessian_times(point, dx, dy);
    return theta_of(product.x, product.y);
  }
  // Y follows X: K_y Y′ = −H_yx v, so that H_xx v + H_xy Y′ is the Schur complement times v.
  const Matrix no_change = Matrix::Zero(data_.value_width(), data_.output_width());
  const Matrix h_yx_v = hessian_times(point, dx, no_change).y;
  const Matrix dy = -solve_with_factor(point.factor_y, h_yx_v);
  return theta_of(hessian_times(point, dx, dy).x, dy);
}

}  // namespace attnewton
