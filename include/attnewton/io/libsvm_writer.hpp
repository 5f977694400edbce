// Labelled sparse rows written in the text format of LIBSVM and SVMlight.
#pragma once

#include <string>

#include "attnewton/linalg/sparse_rows.hpp"
#include "attnewton/parallel/communicator.hpp"

namespace attnewton {

/// Collective on `comm`: writes the rows of all ranks, in rank order, with `labels`, one a local row; numbers
/// come back to the bit. Where the last column has no entry the first row gets a zero there, from which
/// readers know the width. The file, on a file system that all ranks see, appears whole or not at all; rank
/// 0's `path` counts. Cost: the text is made twice, once for its length, in parts of bounded size. On failure
/// every rank throws the same error, IoError with the system's reason.
void write_libsvm_rows(const Communicator& comm, const std::string& path, const SparseRows& rows,
                       const Vector& labels);

}  // namespace attnewton
