#include "attnewton/problems/standardisation.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "attnewton/core/error.hpp"
#include "attnewton/parallel/deterministic.hpp"

namespace attnewton {
namespace {

constexpr Index rows_a_task = 2048;

// A deviation below so many roundings of the mean is none: the entries are one number.
constexpr double roundings_of_mean = 16;

// Σ over all ranks' rows of term(rows of a task), a vector of length d, the same on every rank.
template <class Term>
Vector column_sums(const Communicator& comm, const Matrix& a, const Term& term) {
  const Index tasks = (a.rows() + rows_a_task - 1) / rows_a_task;
  const Vector zero = Vector::Zero(a.cols());
  Vector sums = deterministic_sum(tasks, zero, [&](Index task) -> Vector {
    const Index begin = task * rows_a_task;
    return term(a.middleRows(begin, std::min(rows_a_task, a.rows() - begin)));
  });
  const std::span<double> all(sums.data(), static_cast<std::size_t>(sums.size()));
  comm.sum(all);
  comm.broadcast(all);
  return sums;
}

}  // namespace

Standardisation standardise(const Communicator& comm, Matrix& a) {
  const auto n = static_cast<double>(comm.sum(Index{a.rows()}));
  Standardisation result;
  result.mean = column_sums(comm, a, [](const auto& rows) { return rows.colwise().sum().transpose(); }) / n;
  const Eigen::RowVectorXd mean = result.mean.transpose();
  const Vector squares = column_sums(comm, a, [&mean](const auto& rows) {
    return (rows.rowwise() - mean).array().square().colwise().sum().matrix().transpose();
  });
  result.deviation = (squares / n).cwiseSqrt();
  if (!result.deviation.allFinite())
    throw DataError("the mean or the square of a column's deviations overflows: scale the columns down");

  const double rounding = roundings_of_mean * std::numeric_limits<double>::epsilon();
  Eigen::RowVectorXd factor(a.cols());
  for (Index j = 0; j < a.cols(); ++j) {
    const bool is_constant = result.deviation[j] <= rounding * std::abs(result.mean[j]);
    if (is_constant) result.deviation[j] = 1;
    factor[j] = is_constant ? 0 : 1 / result.deviation[j];
  }
  for_each_task((a.rows() + rows_a_task - 1) / rows_a_task, [&](Index task) {
    const Index begin = task * rows_a_task;
    auto rows = a.middleRows(begin, std::min(rows_a_task, a.rows() - begin));
    rows = ((rows.rowwise() - mean).array().rowwise() * factor.array()).matrix();
  });
  return result;
}

void apply(const Standardisation& standardisation, Matrix& a) {
  const Eigen::RowVectorXd mean = standardisation.mean.transpose();
  const Eigen::RowVectorXd deviation = standardisation.deviation.transpose();
  a = ((a.rowwise() - mean).array().rowwise() / deviation.array()).matrix();
}

}  // namespace attnewton
