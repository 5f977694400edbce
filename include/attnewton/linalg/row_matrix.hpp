// A rank's rows of a tall matrix A, dense or sparse, with the products that regressions and sketches take.
#pragma once

#include <span>
#include <string_view>
#include <utility>
#include <variant>

#include "attnewton/linalg/sparse_rows.hpp"

namespace attnewton {

/// n_local × d numbers, dense or sparse, never changed. All functions are local.
class RowMatrix {
 public:
  RowMatrix() : rows_(Matrix()) {}
  /// Implicit: a dense matrix and sparse rows are both rows of A.
  RowMatrix(Matrix dense) : rows_(std::move(dense)) {}
  RowMatrix(SparseRows sparse) : rows_(std::move(sparse)) {}

  bool is_sparse() const { return std::holds_alternative<SparseRows>(rows_); }
  Index rows() const;
  Index columns() const;
  /// Entries that are stored: rows × columns of a dense matrix.
  Index entries() const;

  /// The rows themselves; throws std::bad_variant_access for the form that they do not have.
  const Matrix& dense() const { return std::get<Matrix>(rows_); }
  const SparseRows& sparse() const { return std::get<SparseRows>(rows_); }

  /// Throws DataError if sparse rows do not have the form that SparseRows promises, or an entry is not
  /// finite; the message names the matrix and row, `first_row` being the number of the first. Cost
  /// O(entries).
  void check(Index first_row, std::string_view name = "A") const;

  /// A x of x ∈ R^d. Cost 2·entries flops on TBB's threads.
  Vector times(const Vector& x) const;
  /// Aᵀ u of u ∈ R^n_local: this rank's term. Cost 2·entries flops on TBB's threads, and some tens of vectors
  /// of length d; the same bits for any number of threads.
  Vector transpose_times(const Vector& u) const;
  /// A V (n_local × k) of V (d × k). Cost 2·k·entries flops on TBB's threads.
  Matrix times_columns(const Matrix& v) const;
  /// ‖a_i‖² of each row. Cost 2·entries flops on TBB's threads.
  Vector squared_row_norms() const;
  /// These rows, in this order, in the same form. Cost O(their entries).
  RowMatrix select(std::span<const Index> rows) const;

 private:
  std::variant<Matrix, SparseRows> rows_;
};

}  // namespace attnewton
