#include "attnewton/problems/row_matrix.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"
#include "attnewton/linalg/matrix_vector.hpp"
#include "attnewton/problems/input_checks.hpp"

namespace attnewton {
namespace {

void check_entries(const Matrix& a, Index first_row, std::string_view name) {
  check_finite(a, name, first_row, 0);
}

void check_entries(const SparseRows& a, Index first_row, std::string_view name) {
  const auto entries = static_cast<Index>(a.values.size());
  if (a.offsets.empty() || a.offsets.front() != 0 || a.offsets.back() != entries ||
      a.column_indices.size() != a.values.size() || !std::is_sorted(a.offsets.begin(), a.offsets.end())) {
    throw DataError(fmt::format(
        "{}: the row offsets must rise from 0 to the number of entries, which is {}, one index an entry",
        name, entries));
  }
  for (Index i = 0; i < a.rows(); ++i) {
    const Range row = a.entries_of(i);
    Index lowest = 0;
    for (Index k = row.begin; k < row.end; ++k) {
      if (a.column(k) < lowest || a.column(k) >= a.columns) {
        throw DataError(fmt::format(
            "{}: column {} in row {} (both counted from 0); columns must rise within a row and lie below {}",
            name, a.column(k), first_row + i, a.columns));
      }
      check_finite(a.value(k), name, first_row + i, a.column(k));
      lowest = a.column(k) + 1;
    }
  }
}

}  // namespace

Index RowMatrix::rows() const {
  return is_sparse() ? sparse().rows() : dense().rows();
}

Index RowMatrix::columns() const {
  return is_sparse() ? sparse().columns : dense().cols();
}

Index RowMatrix::entries() const {
  return is_sparse() ? static_cast<Index>(sparse().values.size()) : dense().size();
}

void RowMatrix::check(Index first_row, std::string_view name) const {
  std::visit([&](const auto& a) { check_entries(a, first_row, name); }, rows_);
}

Vector RowMatrix::times(const Vector& x) const {
  return std::visit([&](const auto& a) { return multiply(a, x); }, rows_);
}

Vector RowMatrix::transpose_times(const Vector& u) const {
  return std::visit([&](const auto& a) { return multiply_transposed(a, u); }, rows_);
}

}  // namespace attnewton
