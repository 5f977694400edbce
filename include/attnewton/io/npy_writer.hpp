// Writers of npy files, byte for byte what numpy.save writes (format 1.0). A file appears whole or not at
// all: all write to a temporary file beside `path` and rename it.
#pragma once

#include <span>
#include <string>

#include "attnewton/parallel/communicator.hpp"

namespace attnewton {

/// Writes `values` as a 2-D float64 file. Local. Throws IoError with the system's reason.
void write_npy(const std::string& path, const Matrix& values);

/// Writes `values` as a 1-D float64 file. Local. Throws IoError with the system's reason.
void write_npy_vector(const std::string& path, const Vector& values);

/// Writes `values` as a 1-D int64 file. Local. Throws IoError with the system's reason.
void write_npy_indices(const std::string& path, std::span<const Index> values);

/// Collective on `comm`: writes one rows_total × columns float64 file of which this rank holds the rows
/// `rows_global` in `rows_local` (rows_global.size() × columns; a rank may hold none). The ranges of all
/// ranks cover [0, rows_total) without overlap, in any order; rank 0's `path` counts, on a file system that
/// all ranks see. On failure every rank throws the same Error and no temporary file stays: code io with the
/// system's reason, or internal if shapes or ranges do not fit.
void write_npy_rows(const Communicator& comm, const std::string& path, const Matrix& rows_local,
                    Range rows_global, Index rows_total, Index columns);

}  // namespace attnewton
