#include "attnewton/problems/evaluation.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <span>

#include <fmt/format.h>

#include "attnewton/problems/entrywise.hpp"
#include "attnewton/problems/row_sums.hpp"

namespace attnewton {

double largest_score(const Communicator& comm, const Vector& z) {
  double largest = -std::numeric_limits<double>::infinity();
  for (const double entry : z) {
    if (std::isfinite(entry)) largest = std::max(largest, entry);
  }
  largest = comm.max(largest);
  return std::isfinite(largest) ? largest : 0;
}

Vector softmax(const Communicator& comm, const Vector& z) {
  const double shift = largest_score(comm, z);
  Vector f(z.size());
  for_each_entry(z.size(), [&](Index i) { f[i] = std::exp(z[i] - shift); });
  const auto [sum] = sums_over_rows<1>(comm, f.size(), [&](Index i) { return std::array{f[i]}; });
  return f / sum;
}

Objective least_squares_objective(const Communicator& comm, double residual_squared, double target_squared,
                                  double regulariser) {
  const double data_loss = 0.5 * residual_squared;
  const double relative_residual =
      residual_squared > 0 ? std::sqrt(residual_squared) / std::sqrt(target_squared) : 0;
  std::array values{data_loss + regulariser, data_loss, relative_residual};
  comm.broadcast(std::span<double>(values));
  return {values[0], values[1], values[2]};
}

Objective infinite_objective() {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  return {infinity, infinity, infinity};
}

std::string obstacle_of_first_row(const Communicator& comm, std::optional<Index> row,
                                  const std::string& message) {
  constexpr Index nowhere = std::numeric_limits<Index>::max();
  const Index here = row.value_or(nowhere);
  const Index first = comm.min(here);
  if (first == nowhere) return {};
  const Index owner = comm.min(here == first ? Index{comm.rank()} : Index{comm.size()});
  return comm.broadcast(message, static_cast<int>(owner));
}

std::string overflow_message(std::string_view inputs) {
  return fmt::format(
      "the loss overflows: target, weights or {} are too large; start nearer to x = 0 or scale the inputs "
      "down",
      inputs);
}

}  // namespace attnewton
