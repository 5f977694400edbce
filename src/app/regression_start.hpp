// Where a solve or a check of a problem in one vector x begins.
#pragma once

#include <cstdint>
#include <string>

#include "attnewton/problems/problem.hpp"
#include "attnewton/linalg/row_matrix.hpp"

namespace attnewton {

/// The vector x of `path`, an .npy file of d numbers. Collective on the problem's communicator. Throws
/// DataError naming file and shapes, or IoError.
Vector read_unknown(const Problem& problem, const std::string& path);

/// Normal entries such that the scores A x have a standard deviation of about 1 over all rows; `a` holds the
/// local ones. Collective on `comm`, the same x on every rank and for any number of them.
Vector random_start(const Communicator& comm, const RowMatrix& a, std::uint64_t seed);

}  // namespace attnewton
