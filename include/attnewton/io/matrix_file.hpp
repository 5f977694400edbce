// A matrix from a file of any format that attnewton reads, told by the file's ending; each rank reads its
// share.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "attnewton/io/csv.hpp"
#include "attnewton/linalg/sparse_rows.hpp"

namespace attnewton {

enum class MatrixFormat {
  npy,            ///< .npy: dense
  csv,            ///< .csv, .tsv, .txt: dense
  libsvm,         ///< .libsvm, .svmlight, .svm: sparse, with labels
  matrix_market,  ///< .mtx, .mm: sparse (coordinate) or dense (array)
};

/// The format that the ending of `path` says, in capitals or not; none if it says none. Local.
std::optional<MatrixFormat> matrix_format(const std::string& path);

/// The endings, for messages: ".npy, .csv, ...".
std::string matrix_endings();

/// A rank's rows; ranks hold consecutive rows, in rank order, and may hold none.
struct MatrixFileShare {
  std::variant<Matrix, SparseRows> rows;  ///< as many columns on every rank
  std::optional<Vector> labels;           ///< one a row; of LIBSVM files alone
  Index first_row = 0;
  Index total_rows = 0;
  std::vector<std::string> names;  ///< of the columns; of csv files with a header alone

  Index local_rows() const;
  Index columns() const;
};

/// Collective on `comm`: the matrix of `path`, a file that all ranks see. A rank reads its share of the bytes
/// (npy: of the rows) once; see the readers of the formats for memory. `header` is for csv files. On failure
/// every rank throws the same error: DataError for an ending that names no format, else the errors of the
/// format's reader.
MatrixFileShare read_matrix_file_share(const Communicator& comm, const std::string& path,
                                       CsvHeader header = CsvHeader::automatic);

/// Rows [first_row, first_row + rows) of `path`'s only column, whichever ranks the file's shares fell to: a
/// target or weights for rows that are already spread over ranks. Collective on `comm`; the ranks' ranges are
/// consecutive and cover all rows. A rank holds the whole column for a while where the format is not npy.
/// DataError, the same on every rank, if there are more columns than one or not as many rows as the ranks
/// have, with `what` and `whose` rows it must fit in the message; else errors as above.
Vector read_column_share(const Communicator& comm, const std::string& path, Range rows, const char* what,
                         const std::string& whose, CsvHeader header = CsvHeader::automatic);

/// The whole of `path`'s only column on every rank: a vector that all ranks use. Collective on `comm`. Errors
/// as above, `rows` being how many it must have.
Vector read_column(const Communicator& comm, const std::string& path, Index rows, const char* what,
                   const std::string& whose, CsvHeader header = CsvHeader::automatic);

}  // namespace attnewton
