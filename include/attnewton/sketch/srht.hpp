// Sampled rows of a randomised Hadamard transform, and the sketch that they are (MATHEMATICS §6).
#pragma once

#include <vector>

#include "attnewton/linalg/distributed_matrix.hpp"
#include "attnewton/linalg/row_matrix.hpp"
#include "attnewton/random/stream.hpp"
#include "attnewton/sketch/sketch_draws.hpp"

namespace attnewton {

/// How rows of H are sampled. Both are unbiased: each row is expected equally often.
enum class RowChoice {
  independent,  ///< uniformly and independently, with repetitions
  stratified,   ///< sample r uniformly and independently from the r-th of m equal parts of the rows
};

/// m × n matrix size · P H D: D random signs, H Hadamard's matrix of order N = the power of two from n on, P
/// m sampled rows. Its draws are functions of their address and the column or sample alone. A value; local.
class SampledHadamard {
 public:
  /// `factor` is 0 or 1: the two factors of a tensor sketch draw independently. O(m).
  SampledHadamard(Index rows, Index columns, RowChoice choice, double size, const SketchDraws& draws,
                  Index factor = 0);

  Index rows() const { return static_cast<Index>(samples_.size()); }
  Index columns() const { return columns_; }
  /// The row of H that sample r takes, and D's entry of a column. O(1).
  Index sampled_row(Index r) const { return samples_[static_cast<std::size_t>(r)]; }
  double sign(Index column) const;

  /// Columns `columns` of this diag(scale) A for the local rows of A, the first of which is row `first_row`
  /// of all n: m × columns.size(). `scale` has an entry a local row. H is a Kronecker product, so that
  /// blocks of B rows of A go through H of order B each by itself and every sample takes one row of each:
  /// n_local·(log₂ B + m/B) additions a column with the best B, about m, on TBB's threads; the same bits for
  /// any number of them. Memory 32 MiB beside the result (more where B is above 2²²).
  Matrix product(const RowMatrix& a, const Vector& scale, Index first_row, Range columns) const;
  /// All columns.
  Matrix product(const RowMatrix& a, const Vector& scale, Index first_row) const {
    return product(a, scale, first_row, {0, a.columns()});
  }

 private:
  void add_block(const Matrix& block, Index first_column, MatrixRef sum) const;

  RandomStream stream_;
  Index columns_;
  Index sign_address_;
  double size_;
  std::vector<Index> samples_;
};

/// The subsampled randomised Hadamard transform √(N/m) · P · (H/√N) · D of n columns: E[SᵀS] = I. With
/// stratified samples, m = N is an isometry and no m gives more variance than independent ones.
class Srht : public SampledHadamard {
 public:
  Srht(Index rows, Index columns, const SketchDraws& draws);
};

/// Adds S diag(scale) A, summed over ranks, to the first rows of `sum` (at least S's rows, d columns).
/// Collective on the grid of `sum`; cost of Srht::product(), memory some panels of 32 MiB.
void add_sketch(const Srht& sketch, const RowMatrix& a, const Vector& scale, Index first_row,
                DistributedMatrix& sum);

}  // namespace attnewton
