#include "attnewton/problems/two_layer.hpp"

#include <array>
#include <cmath>
#include <optional>
#include <span>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"
#include "attnewton/linalg/finite_check.hpp"
#include "attnewton/linalg/matrix_vector.hpp"
#include "attnewton/parallel/agreement.hpp"
#include "attnewton/problems/evaluation.hpp"
#include "attnewton/problems/input_checks.hpp"

namespace attnewton {
namespace {

void check_local(const TwoLayerData& data, const TwoLayerOptions& options) {
  check_ridge(options.ridge);
  data.a1.check(data.first_row, "A1");
  if (data.a1.columns() < 1) throw DataError("A1 has no columns");
  if (data.a2.cols() != data.a1.rows()) {
    throw DataError(fmt::format("A2 has {} columns for the {} rows of A1: there must be one a row",
                                data.a2.cols(), data.a1.rows()));
  }
  if (data.target.size() == 0) throw DataError("b is empty");
  check_numbers(data.target, "b", "A2", data.a2.rows(), 0);
  check_finite(data.a2, "A2", 0, data.first_row);
  if (options.weights.size() != 0)
    check_numbers(options.weights, "the weights", "A1", data.a1.rows(), data.first_row);
}

// Every rank works with the whole of b: an unlike one would go unseen.
void check_same_target(const Communicator& comm, const Vector& target) {
  if (comm.min(Index{target.size()}) != comm.max(Index{target.size()}))
    throw DataError("the ranks' columns of A2, and their b, differ in length");
  Vector of_root = target;
  comm.broadcast(of_root);
  if (comm.max(Index{of_root == target ? 0 : 1}) > 0)
    throw DataError("the ranks' b differ: every rank takes the whole of b");
}

TwoLayerData checked(const Communicator& comm, TwoLayerData data, const TwoLayerOptions& options) {
  agree_on_errors(comm, [&] { check_local(data, options); });
  check_shares(comm, data.a1, options.weights, "A1");
  check_same_target(comm, data.target);
  return data;
}

std::unique_ptr<Point> outside(const Vector& theta, std::string obstacle) {
  return std::make_unique<TwoLayerPoint>(theta, infinite_objective(), std::move(obstacle));
}

// Names the first row of all ranks whose score is not a number; empty if all are. Collective.
std::string obstacle_in(const Communicator& comm, const Vector& z, Index first_row) {
  for (Index i = 0; i < z.size(); ++i) {
    if (std::isfinite(z[i])) continue;
    const Index row = first_row + i;
    return obstacle_of_first_row(
        comm, row,
        fmt::format("row {} (counted from 0): z = (A1 x) = {} is not finite; start nearer to x = 0 or scale "
                    "A1 down",
                    row, z[i]));
  }
  return obstacle_of_first_row(comm, {}, {});
}

}  // namespace

TwoLayerProblem::TwoLayerProblem(const Communicator& comm, TwoLayerData data, TwoLayerOptions options)
    : comm_(comm),
      data_(checked(comm, std::move(data), options)),
      options_(std::move(options)),
      regulariser_(options_.weights, options_.ridge) {}

// A₂ times a vector over all rows, whole and the same on every rank. Collective.
Vector TwoLayerProblem::outputs_of(const Vector& change) const {
  Vector outputs = multiply(data_.a2, change);
  comm_.sum(outputs);
  comm_.broadcast(outputs);
  return outputs;
}

// J A₂ᵀ s = f∘(k − ⟨f, k⟩) with k = A₂ᵀ s; ⟨f, k⟩ = ⟨y, s⟩ takes no reduction. Local.
Vector TwoLayerProblem::pulled_through_softmax(const Vector& probabilities, const Vector& outputs,
                                               const Vector& by_outputs) const {
  const Vector k = multiply_transposed(data_.a2, by_outputs);
  return probabilities.array() * (k.array() - outputs.dot(by_outputs));
}

std::unique_ptr<Point> TwoLayerProblem::evaluate(const Vector& theta) const {
  Vector z = data_.a1.times(theta);
  std::string obstacle = obstacle_in(comm_, z, data_.first_row);
  if (!obstacle.empty()) return outside(theta, std::move(obstacle));
  Vector f = softmax(comm_, z);
  Vector y = outputs_of(f);
  ActivationValues layer = evaluate_activation(options_.activation, y);
  Vector residual = layer.value - data_.target;
  const Objective objective = least_squares_objective(
      comm_, residual.squaredNorm(), data_.target.squaredNorm(), regulariser_.value(comm_, z, theta));
  if (!objective.is_finite() || !y.allFinite()) return outside(theta, overflow_message("A2 or A1 x"));

  auto point = std::make_unique<TwoLayerPoint>(theta, objective);
  point->slope = pulled_through_softmax(f, y, layer.slope.cwiseProduct(residual));
  point->scores = std::move(z);
  point->probabilities = std::move(f);
  point->outputs = std::move(y);
  point->layer = std::move(layer);
  point->residual = std::move(residual);
  return point;
}

Vector TwoLayerProblem::gradient(const Point& base) const {
  const auto& point = static_cast<const TwoLayerPoint&>(base);
  Vector slope = point.slope;
  regulariser_.add_slope(point.scores, slope);
  Vector gradient = data_.a1.transpose_times(slope);
  comm_.sum(gradient);
  gradient += regulariser_.ridge() * point.theta();
  comm_.broadcast(gradient);
  return gradient;
}

Vector TwoLayerProblem::hessian_vector(const Point& base, const Vector& v) const {
  const auto& point = static_cast<const TwoLayerPoint&>(base);
  const Vector& f = point.probabilities;
  const Vector& p = point.slope;
  const Vector change = data_.a1.times(v);
  std::array along{f.dot(change), p.dot(change)};
  comm_.sum(std::span<double>(along));
  const auto [along_f, along_p] = along;

  const Vector outputs = outputs_of(f.array() * (change.array() - along_f));
  const Vector by_outputs = curvature_by_outputs(point).cwiseProduct(outputs);
  Vector slopes = pulled_through_softmax(f, point.outputs, by_outputs);
  slopes.array() += p.array() * (change.array() - along_f) - along_p * f.array();
  regulariser_.add_slope(change, slopes);
  Vector product = data_.a1.transpose_times(slopes);
  comm_.sum(product);
  return product + regulariser_.ridge() * v;
}

Vector curvature_by_outputs(const TwoLayerPoint& point) {
  return point.layer.slope.array().square() + point.layer.curvature.array() * point.residual.array();
}

}  // namespace attnewton
