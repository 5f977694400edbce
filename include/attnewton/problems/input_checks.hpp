// Checks of the matrices, vectors and options that regressions are given.
#pragma once

#include <string_view>

#include "attnewton/linalg/row_matrix.hpp"
#include "attnewton/parallel/communicator.hpp"

namespace attnewton {

/// Throws UsageError unless λ is a finite number of at least 0. Local.
void check_ridge(double ridge);

/// Throws DataError unless `numbers` has `rows` finite entries, one beside each row of the matrix that
/// `beside` names; the message says `what` they are, and counts rows from first_row. Local.
void check_numbers(const Vector& numbers, std::string_view what, std::string_view beside, Index rows,
                   Index first_row);

/// What only all ranks together can tell of the matrix of scores z = A x and its weights, A being called
/// `name`: throws DataError if the shares of A differ in width, no rank has a row, or some ranks' rows have
/// weights and others' none. Collective.
void check_shares(const Communicator& comm, const RowMatrix& a, const Vector& weights, std::string_view name);

}  // namespace attnewton
