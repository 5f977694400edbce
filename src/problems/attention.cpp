#include "attnewton/problems/attention.hpp"

#include <cmath>
#include <limits>
#include <span>

#include <Eigen/Cholesky>
#include <fmt/format.h>

#include "attnewton/core/error.hpp"
#include "attnewton/parallel/agreement.hpp"

#include "attention_linear_solve.hpp"

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

std::span<double> entries(Matrix& matrix) {
  return {matrix.data(), static_cast<std::size_t>(matrix.size())};
}

Objective not_finite() {
  const double infinity = std::numeric_limits<double>::infinity();
  return {infinity, infinity, infinity};
}

}  // namespace

Matrix solve_with_factor(const Matrix& lower, const Matrix& rhs) {
  const auto factor = lower.triangularView<Eigen::Lower>();
  Matrix solution = factor.solve(rhs);
  factor.transpose().solveInPlace(solution);
  return solution;
}

AttentionProblem::AttentionProblem(const Communicator& comm, AttentionData data,
                                   const RegulariserOptions& regulariser, AttentionVariables variables,
                                   Precision precision)
    : comm_(comm),
      data_(checked(comm, std::move(data), regulariser)),
      precision_(precision),
      stream_(data_),
      regulariser_(comm, data_, regulariser),
      variables_(variables) {
  if (precision == Precision::mixed) {
    coarse_stream_.emplace(data_);
    magnitudes_ = magnitudes_of_inputs();
  }
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
  const NormalEquations equations = normal_equations(stream_.forward(x).mixed);
  const Matrix factor = agreed_factor(equations.gram);
  if (factor.size() == 0) throw NumericalError(singular_message);
  Matrix y = solve_with_factor(factor, equations.cross);
  comm_.broadcast(entries(y));
  return y;
}

Matrix AttentionProblem::x_of(const Vector& theta) const {
  require(theta.size() == unknowns(), "AttentionProblem: θ has as many entries as unknowns");
  return ConstMatrixView(theta.data(), data_.query_width(), data_.key_width());
}

// Y′s part of joint variables.
Matrix AttentionProblem::y_of(const Vector& theta) const {
  require(variables_ == AttentionVariables::joint, "AttentionProblem::y_of: joint variables");
  return ConstMatrixView(theta.data() + unknowns_x(), data_.value_width(), data_.output_width());
}

std::unique_ptr<Point> AttentionProblem::evaluate_with_gradient(const Vector& theta) const {
  if (variables_ == AttentionVariables::joint) {
    const Matrix x = x_of(theta);
    const Matrix y = y_of(theta);
    auto point = point_of(
        theta, y, with_stream(precision_, [&](const auto& stream) { return stream.forward_and_back(x, y); }));
    point->values = precision_;
    set_curvature(*point, precision_);
    return point;
  }
  auto point = evaluate(theta);
  if (point->objective().is_finite()) {
    auto& base = static_cast<AttentionPoint&>(*point);
    base.at.pulled_back = pulled_back(base);
  }
  return point;
}

std::unique_ptr<Point> AttentionProblem::evaluate(const Vector& theta) const {
  return evaluate_in(theta, precision_, precision_);
}

std::unique_ptr<Point> AttentionProblem::evaluate_fully(const Vector& theta, Precision curvature) const {
  return evaluate_in(theta, Precision::full, precision_ == Precision::full ? precision_ : curvature);
}

std::unique_ptr<Point> AttentionProblem::evaluate_in(const Vector& theta, Precision values,
                                                     Precision curvature) const {
  const Matrix x = x_of(theta);
  AttentionForward at = with_stream(values, [&](const auto& stream) { return stream.forward(x); });
  NormalEquations equations = normal_equations(at.mixed);
  if (!equations.gram.allFinite() || !equations.cross.allFinite()) {
    return std::make_unique<AttentionPoint>(theta, not_finite(), overflow_message);
  }
  Matrix factor = agreed_factor(equations.gram);
  if (factor.size() == 0) return std::make_unique<AttentionPoint>(theta, not_finite(), singular_message);
  Matrix y;
  if (variables_ == AttentionVariables::joint) {
    y = y_of(theta);
  } else {
    y = solve_with_factor(factor, equations.cross);
    comm_.broadcast(entries(y));
  }
  at.residual = product_by_rows(at.mixed, y) - data_.target;
  auto point = point_of(theta, y, std::move(at));
  point->values = values;
  set_curvature(*point, curvature);
  point->gram_y = std::move(equations.gram);
  point->factor_y = std::move(factor);
  return point;
}

// The point of θ with the objective there; T and C are known.
std::unique_ptr<AttentionPoint> AttentionProblem::point_of(const Vector& theta, const Matrix& y,
                                                           AttentionForward at) const {
  const Matrix x = x_of(theta);
  const Objective objective = objective_of(x, y, at.residual);
  auto point =
      std::make_unique<AttentionPoint>(theta, objective, objective.is_finite() ? "" : overflow_message);
  point->x = x;
  point->y = y;
  point->at = std::move(at);
  return point;
}

Matrix AttentionProblem::gram_y(const AttentionPoint& point) const {
  return point.gram_y.size() > 0 ? point.gram_y : normal_equations(point.at.mixed).gram;
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

Matrix AttentionProblem::agreed_factor(const Matrix& gram) const {
  Matrix factor = factor_or_empty(gram);
  if (comm_.min(Index{factor.size()}) == 0) return {};
  comm_.broadcast(entries(factor));
  return factor;
}

}  // namespace attnewton
