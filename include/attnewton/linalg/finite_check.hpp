// Matrices must hold numbers.
#pragma once

#include <string_view>

#include "attnewton/core/types.hpp"

namespace attnewton {

/// Throws DataError if `entry` is not finite; the message calls its matrix `name`. Local.
void check_finite(double entry, std::string_view name, Index row, Index column);
/// Throws DataError if an entry of `a` is not finite; the message calls the matrix `name`, and counts rows
/// and columns from the given ones. Local.
void check_finite(const Matrix& a, std::string_view name, Index first_row, Index first_column);

}  // namespace attnewton
