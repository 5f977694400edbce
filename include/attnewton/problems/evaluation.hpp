// What evaluations of the regressions on one vector share: scores, the objective from its parts, and what
// stands in the way of one.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "attnewton/parallel/communicator.hpp"
#include "attnewton/problems/problem.hpp"

namespace attnewton {

/// The largest finite entry of all ranks' z; 0 if there is none. Collective.
double largest_score(const Communicator& comm, const Vector& z);

/// exp(z) / Σ exp(z) over all ranks' rows, by exponentials of z − max z; z finite. Collective; O(rows) on
/// TBB's threads, one exponential a row.
Vector softmax(const Communicator& comm, const Vector& z);

/// ½‖r‖² + `regulariser`, from sums over all ranks: the same numbers on every rank. Collective.
Objective least_squares_objective(const Communicator& comm, double residual_squared, double target_squared,
                                  double regulariser);

/// That of a point outside the problem's domain.
Objective infinite_objective();

/// The message of the rank with the lowest `row` of all (the row's number among all ranks' rows); empty if no
/// rank has one. Collective.
std::string obstacle_of_first_row(const Communicator& comm, std::optional<Index> row,
                                  const std::string& message);

/// Why the objective overflows although the scores do not; `inputs` names the matrices and scores to blame.
std::string overflow_message(std::string_view inputs);

}  // namespace attnewton
