// Reading this rank's share of the matrix of scores, and of a regression on one vector.
#pragma once

#include <optional>
#include <string>

#include "attnewton/problems/regression.hpp"
#include "attnewton/problems/standardisation.hpp"

#include "problem_options.hpp"

namespace attnewton {

/// This rank's rows of A, prepared as the options say, and what else their file held.
struct PreparedRows {
  RowMatrix a;
  std::optional<Vector> target;  ///< the target column or the labels
  Range rows;                    ///< their numbers among all
  Index total_rows = 0;
  std::optional<Standardisation> standardisation;
};

/// A matrix of scores z = A x, as messages call it, and its file.
struct MatrixName {
  std::string name;
  std::string path;

  /// "A (a.npy)".
  std::string described() const;
};

/// Reads A, takes the target column out, standardises, appends ones. Collective on `comm`. Throws DataError
/// naming the file, UsageError for a preparation that the file does not bear, or IoError; the same error on
/// every rank.
PreparedRows read_rows(const Communicator& comm, const MatrixName& a, const ProblemOptions& options);

/// The weights of the local rows of A, `rows` of all; empty if there are none. Collective on `comm`. Throws
/// DataError naming the file and what is wrong, or IoError; the same error on every rank.
Vector read_weights(const Communicator& comm, const MatrixName& a, const ProblemOptions& options, Range rows);

struct RegressionInput {
  RegressionData data;
  RegressionOptions options;
  Index rows = 0;  ///< of A, all ranks together
  std::optional<Standardisation> standardisation;
};

/// Reads A, b and weights, each rank its share. Collective on `comm`. Throws as read_rows(), and DataError
/// naming the files and what differs.
RegressionInput read_regression_share(const Communicator& comm, const ProblemOptions& options);

/// How A was read and prepared.
struct Preparation {
  Range rows;         ///< local
  Index columns = 0;  ///< of A as it is used
  const std::optional<Standardisation>& standardisation;
};

/// The same rows of another matrix, with the target column taken out, the columns scaled and ones appended as
/// they were for A. Collective on `comm`. Throws as read_rows(), and DataError if the file does not have A's
/// rows.
RowMatrix read_moved_rows(const Communicator& comm, const MatrixName& moved, const ProblemOptions& options,
                          const Preparation& preparation);

/// Writes standardisation.npy into `folder`: a row of means, a row of deviations. Local. Throws IoError.
void write_standardisation(const std::string& folder, const Standardisation& standardisation);

}  // namespace attnewton
