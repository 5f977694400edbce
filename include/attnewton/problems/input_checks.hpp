// Checks of the matrices, vectors and options that regressions are given.
#pragma once

#include <string_view>

#include "attnewton/parallel/communicator.hpp"
#include "attnewton/problems/row_matrix.hpp"

namespace attnewton {

/// Throws UsageError unless λ is a finite number of at least 0. Local.
void check_ridge(double ridge);

/// Throws DataError unless `numbers` has `rows` finite entries, one beside each row of the matrix that
/// `beside` names; the message says `what` they are, and counts rows from first_row. Local.
void check_numbers(const Vector& numbers, std::string_view what, std::string_view beside, Index rows,
                   Index first_row);

/// Throws DataError if `entry` is not finite; the message calls its matrix `name`. Local.
void check_finite(double entry, std::string_view name, Index row, Index column);
/// Throws DataError if an entry of `a` is not finite; the message calls the matrix `name`, and counts rows
/// and columns from the given ones. Local.
void check_finite(const Matrix& a, std::string_view name, Index first_row, Index first_column);

/// What only all ranks together can tell of the matrix of scores z = A x and its weights, A being called
/// `name`: throws DataError if the shares of A differ in width, no rank has a row, or some ranks' rows have
/// weights and others' none. Collective.
void check_shares(const Communicator& comm, const RowMatrix& a, const Vector& weights, std::string_view name);

}  // namespace attnewton
