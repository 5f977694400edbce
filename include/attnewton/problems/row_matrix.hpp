// A rank's rows of a tall matrix A, dense or sparse, with the products that regressions take.
#pragma once

#include <variant>
#include <vector>

#include "attnewton/core/types.hpp"

namespace attnewton {

/// Sparse rows, one after the other (CSR): row i holds values[k] in column indices[k] for offsets[i] ≤ k <
/// offsets[i + 1], columns rising.
struct CompressedRows {
  Index columns = 0;
  std::vector<Index> offsets = {0};  ///< rows + 1, from 0 to the number of entries
  std::vector<Index> indices;
  std::vector<double> values;

  Index rows() const { return static_cast<Index>(offsets.size()) - 1; }
  /// Positions of row i's entries.
  Range entries_of(Index i) const {
    return {offsets[static_cast<std::size_t>(i)], offsets[static_cast<std::size_t>(i) + 1]};
  }
  Index index(Index k) const { return indices[static_cast<std::size_t>(k)]; }
  double value(Index k) const { return values[static_cast<std::size_t>(k)]; }
};

/// n_local × d numbers, dense or sparse, never changed. All functions are local.
class RowMatrix {
 public:
  RowMatrix() : rows_(Matrix()) {}
  /// Implicit: a dense matrix and sparse rows are both rows of A.
  RowMatrix(Matrix dense) : rows_(std::move(dense)) {}
  RowMatrix(CompressedRows sparse) : rows_(std::move(sparse)) {}

  bool is_sparse() const { return std::holds_alternative<CompressedRows>(rows_); }
  Index rows() const;
  Index columns() const;
  /// Entries that are stored: rows × columns of a dense matrix.
  Index entries() const;

  /// The rows themselves; throws std::bad_variant_access for the form that they do not have.
  const Matrix& dense() const { return std::get<Matrix>(rows_); }
  const CompressedRows& sparse() const { return std::get<CompressedRows>(rows_); }

  /// Throws DataError if sparse rows do not have the form that CompressedRows promises, or an entry is not
  /// finite; the message names the row, `first_row` being the number of the first. Cost O(entries).
  void check(Index first_row) const;

  /// A x of x ∈ R^d. Cost 2·entries flops on TBB's threads.
  Vector times(const Vector& x) const;
  /// Aᵀ u of u ∈ R^n_local: this rank's term. Cost 2·entries flops on TBB's threads, and some tens of vectors
  /// of length d; the same bits for any number of threads.
  Vector transpose_times(const Vector& u) const;

 private:
  std::variant<Matrix, CompressedRows> rows_;
};

}  // namespace attnewton
