#include "attnewton/problems/context_shift.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <span>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"
#include "attnewton/parallel/agreement.hpp"
#include "attnewton/problems/link_range.hpp"

namespace attnewton {
namespace {

std::unique_ptr<Point> evaluate(const RegressionProblem& problem, const Vector& x, const char* where) {
  auto point = problem.evaluate(x);
  if (!point->objective().is_finite())
    throw NumericalError(
        fmt::format("in-context shift: the objective is not finite {}: {}", where, point->obstacle()));
  return point;
}

// b̃ with r(z; b̃) = `wanted`: u − b̃, u − α b̃ or u/α − b̃.
Vector target_of_residual(const RegressionOptions& options, const RegressionPoint& point,
                          const Vector& wanted) {
  const Vector u = evaluate_link(options.link, point.scores.array() - point.shift).value;
  const double alpha = point.at.alpha;
  if (options.normalisation == Normalisation::softmax) return u / alpha - wanted;
  return (u - wanted) / alpha;  // without normalisation α is 1
}

// Bound of ‖c_moved − c‖ from the link's ranges between z and z_moved (MATHEMATICS §2, "In-context shift").
double residual_bound(const RegressionProblem& problem, const Vector& z, const Vector& moved,
                      double score_shift) {
  const RegressionOptions& options = problem.options();
  const bool is_softmax = options.normalisation == Normalisation::softmax;
  if (is_softmax && options.link.kind == Link::exp) return 0.5 * score_shift;
  // Squares of |φ′ Δz|, |φ′| and |φ|, then |φ′ Δz|, and φ from below and above.
  std::array sums{0.0, 0.0, 0.0, 0.0, 0.0};
  for (Index i = 0; i < z.size(); ++i) {
    const LinkRange range = range_of_link(options.link, std::min(z[i], moved[i]), std::max(z[i], moved[i]));
    const double step = moved[i] == z[i] ? 0 : range.slope * std::abs(moved[i] - z[i]);
    const double value = std::max(std::abs(range.least), std::abs(range.most));
    sums[0] += step * step;
    sums[1] += step;
    sums[2] += value * value;
    sums[3] += range.least;
    sums[4] += range.most;
  }
  problem.comm().sum(std::span<double>(sums));
  const double change = std::sqrt(sums[0]);
  if (options.normalisation == Normalisation::none) return change;
  if (options.normalisation == Normalisation::rescaled)
    return change + sums[1] * std::sqrt(problem.comm().sum(problem.data().target.squaredNorm()));
  const double least_alpha = std::max({0.0, sums[3], -sums[4]});
  if (!(least_alpha > 0)) return std::numeric_limits<double>::infinity();
  return (change + sums[1] * std::sqrt(sums[2]) / least_alpha) / least_alpha;
}

ContextShift shift_between(const RegressionProblem& problem, const RegressionPoint& at,
                           const RegressionPoint& moved, const Vector& moved_residual) {
  const bool divides = problem.options().normalisation == Normalisation::rescaled;
  if (divides && at.at.alpha == 0)
    throw NumericalError(
        "in-context shift: the sum of the link over all rows is 0 at x, and it is divided by");
  ContextShift shift;
  shift.alpha = at.at.alpha * std::exp(at.shift);  // of the scores themselves
  shift.moved_target = target_of_residual(problem.options(), at, moved_residual);
  std::array squares{(shift.moved_target - problem.data().target).squaredNorm(),
                     (moved_residual - problem.residual(at)).squaredNorm(),
                     (moved.scores - at.scores).squaredNorm()};
  problem.comm().sum(std::span<double>(squares));
  const double factor = divides ? 1 / std::abs(at.at.alpha) : 1;
  shift.target_shift = std::sqrt(squares[0]);
  shift.residual_shift = factor * std::sqrt(squares[1]);
  shift.score_shift = std::sqrt(squares[2]);
  shift.residual_shift_bound = factor * residual_bound(problem, at.scores, moved.scores, shift.score_shift);
  return shift;
}

}  // namespace

ContextShift shift_of_unknowns(const RegressionProblem& problem, const Vector& x, const Vector& moved) {
  const auto at = evaluate(problem, x, "at x");
  const auto there = evaluate(problem, moved, "at the moved x");
  const auto& moved_point = static_cast<const RegressionPoint&>(*there);
  return shift_between(problem, static_cast<const RegressionPoint&>(*at), moved_point,
                       problem.residual(moved_point));
}

ContextShift shift_of_rows(const RegressionProblem& problem, const Vector& x, RowMatrix moved) {
  const RegressionData& data = problem.data();
  agree_on_errors(problem.comm(), [&] {
    if (moved.rows() != data.a.rows() || moved.columns() != data.a.columns())
      throw DataError(fmt::format("in-context shift: A is {} × {} here and the moved A {} × {}",
                                  data.a.rows(), data.a.columns(), moved.rows(), moved.columns()));
  });
  const RegressionProblem shifted(problem.comm(), {std::move(moved), data.target, data.first_row},
                                  problem.options());
  const auto at = evaluate(problem, x, "at x");
  const auto there = evaluate(shifted, x, "with the moved A");
  const auto& moved_point = static_cast<const RegressionPoint&>(*there);
  return shift_between(problem, static_cast<const RegressionPoint&>(*at), moved_point,
                       shifted.residual(moved_point));
}

}  // namespace attnewton
