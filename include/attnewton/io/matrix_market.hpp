// Matrix Market files, sparse (coordinate) and dense (array), each rank reading its share and receiving its
// rows.
#pragma once

#include <string>
#include <variant>

#include "attnewton/linalg/sparse_rows.hpp"
#include "attnewton/parallel/communicator.hpp"

namespace attnewton {

/// A rank's rows, [total_rows·rank / size, total_rows·(rank + 1) / size) rounded down; it may hold none.
struct MatrixMarketRows {
  std::variant<SparseRows, Matrix> rows;  ///< coordinate format, array format; all columns
  Index first_row = 0;
  Index total_rows = 0;
};

/// Collective on `comm`: the matrix of `path`, a file that all ranks see. Taken are the formats coordinate
/// (real, integer, pattern, whose entries are 1) and array (real, integer), general and symmetric; of a
/// symmetric matrix the file holds the lower triangle and the result both. Cost: each rank reads its equal
/// share of the bytes once and sends each entry to the rank of its row, in parts of bounded size; it holds
/// its share of the entries (24 bytes each, 8 in array format) besides its rows. On failure every rank throws
/// the same error: IoError if the file cannot be read; DataError, with file, line and column where it is one
/// line's fault: another kind of matrix, a damaged header or entry, numbers that are not finite, indices
/// outside the matrix or above the diagonal of a symmetric one, an entry given twice (by its row and column),
/// more or fewer entries than the header says, sizes that the file's bytes do not bear out.
MatrixMarketRows read_matrix_market_share(const Communicator& comm, const std::string& path);

}  // namespace attnewton
