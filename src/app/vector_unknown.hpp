// The unknown x of regressions on the scores z = A x: where it starts, where it is written, what it is
// compared with.
#pragma once

#include <optional>
#include <string>

#include "attnewton/linalg/row_matrix.hpp"
#include "attnewton/problems/problem.hpp"
#include "attnewton/problems/standardisation.hpp"

#include "loaded_problem.hpp"
#include "start_options.hpp"

namespace attnewton {

/// Functions that take a problem or a communicator are collective on it and throw the same error on every
/// rank. `a` holds the local rows of A.
class VectorUnknown {
 public:
  /// `standardisation`: what was done to the columns that x goes with, if anything.
  explicit VectorUnknown(std::optional<Standardisation> standardisation)
      : standardisation_(std::move(standardisation)) {}

  const std::optional<Standardisation>& standardisation() const { return standardisation_; }

  /// θ of the start: zero; random, normal such that the scores have a standard deviation of about 1; or the
  /// d numbers of an .npy file. Throws UsageError for another rule, DataError for a file that does not fit,
  /// IoError.
  Vector start(const Problem& problem, const RowMatrix& a, const StartOptions& options,
               const std::string& default_rule) const;

  /// Writes x.npy and, if the columns were standardised, standardisation.npy.
  void write(const Communicator& comm, const std::string& folder, const Point& point) const;

  /// Reads a known x. Throws DataError or IoError.
  void load_reference(const Problem& problem, const ReferenceFiles& files);
  /// Relative distances of x and of the scores from it; none if none was read.
  std::optional<ReferenceReport> compare(const Communicator& comm, const RowMatrix& a,
                                         const Point& point) const;

 private:
  std::optional<Standardisation> standardisation_;
  std::optional<Vector> reference_;
};

}  // namespace attnewton
