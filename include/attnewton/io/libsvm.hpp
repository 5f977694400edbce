// Labelled sparse rows in the text format of LIBSVM and SVMlight: `label index:value index:value ...`.
#pragma once

#include <string>

#include "attnewton/linalg/sparse_rows.hpp"
#include "attnewton/parallel/communicator.hpp"

namespace attnewton {

/// A rank's share of a file; ranks hold consecutive rows, in rank order, and may hold none.
struct LibsvmRows {
  SparseRows rows;  ///< the file's index 1 is column 0; `columns` is the same on every rank
  Vector labels;    ///< one a row
  Index first_row = 0;
  Index total_rows = 0;
};

/// Collective on `comm`: the rows of `path`, a file that all ranks see, whose lines begin in this rank's
/// equal share of its bytes. The number of columns is the largest index in the file, or `columns` if that is
/// not 0.
/// '#' begins a comment, blank lines do not count, `qid:N` after the label is checked and left out. Cost:
/// each rank reads its share once; a few small reductions. On failure every rank throws the same error:
/// IoError if the file cannot be read; DataError, with file, line and column, for a label or value that is
/// not a finite number, an index below 1, above `columns` or not above the one before it; DataError for a
/// file without rows.
LibsvmRows read_libsvm_share(const Communicator& comm, const std::string& path, Index columns = 0);

}  // namespace attnewton
