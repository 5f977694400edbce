// A problem that was read from files, as the commands use it: all that differs between the kinds of problem.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "attnewton/curvature/damped_hessian.hpp"
#include "attnewton/linalg/row_matrix.hpp"
#include "attnewton/report/result.hpp"

#include "hessian_options.hpp"
#include "problem_options.hpp"
#include "start_options.hpp"

namespace attnewton {

/// Files with a known solution to compare with at the end; empty: none.
struct ReferenceFiles {
  std::string x;
  std::string y;  ///< attention alone

  bool is_given() const { return !x.empty(); }
};

/// Unless said otherwise functions are collective on the problem's communicator and throw the same error on
/// every rank.
class LoadedProblem {
 public:
  virtual ~LoadedProblem() = default;

  /// Local.
  virtual const Problem& problem() const = 0;
  /// The kind and its sizes, for the first line of a solve: "attention, 64 queries ...". Local.
  virtual std::string description() const = 0;
  /// Rows, widths, unknowns, under the names that result.json gives them. Local.
  virtual std::vector<std::pair<std::string, Index>> sizes() const = 0;
  /// Bytes that this rank needs, inputs, points and so many assembled Hessians with their factors together:
  /// an estimate, good to a few tens of percent. Local.
  virtual Index memory_bytes(Index assembled_hessians) const = 0;
  /// Local; the problem must outlive the model.
  virtual std::unique_ptr<HessianModel> hessian(const HessianOptions& options) const = 0;
  /// Of those and of Hessians that are never assembled. Collective; the problem must outlive it.
  virtual std::unique_ptr<DampedHessian> damped_hessian(const HessianOptions& options) const;

  /// What such a Hessian and its factor cost, in evaluations with gradient: by counts of operations.
  virtual double cost_in_gradients(const HessianOptions& options) const = 0;

  /// The rule that a start follows if none is given. Local.
  virtual std::string default_start() const = 0;
  /// θ of the start. Throws UsageError for a rule that the problem has not, DataError for a file that does
  /// not fit, IoError.
  virtual Vector start(const StartOptions& options) const = 0;

  /// Writes the unknowns into `folder`, each in its own shape.
  virtual void write_solution(const std::string& folder, const Point& point) const = 0;

  /// Rows to be moved to in place of A's, prepared as A was. Throws UsageError if the problem has no such A.
  virtual RowMatrix read_moved_rows(const std::string& path) const;

  /// Reads a known solution. Throws DataError or IoError.
  virtual void load_reference(const ReferenceFiles& files) = 0;
  /// How far the point is from it; none if none was read.
  virtual std::optional<ReferenceReport> compare_with_reference(const Point& point) const = 0;
};

/// Reads the problem that the options name, each rank its share.
std::unique_ptr<LoadedProblem> load_problem(const Communicator& comm, const ProblemOptions& options);

// One for each kind of problem.
std::unique_ptr<LoadedProblem> load_attention(const Communicator& comm, const ProblemOptions& options);
std::unique_ptr<LoadedProblem> load_multi_softmax(const Communicator& comm, const ProblemOptions& options);
std::unique_ptr<LoadedProblem> load_regression(const Communicator& comm, const ProblemOptions& options);
std::unique_ptr<LoadedProblem> load_two_layer(const Communicator& comm, const ProblemOptions& options);

}  // namespace attnewton
