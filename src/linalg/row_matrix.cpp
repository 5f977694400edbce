#include "attnewton/linalg/row_matrix.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"
#include "attnewton/linalg/blas.hpp"
#include "attnewton/linalg/finite_check.hpp"
#include "attnewton/linalg/matrix_vector.hpp"
#include "attnewton/parallel/deterministic.hpp"

namespace attnewton {
namespace {

constexpr Index fewest_rows_a_task = 512;
constexpr Index most_tasks = 64;

struct RowChunks {
  explicit RowChunks(Index rows)
      : rows_(rows), length_(std::max(fewest_rows_a_task, (rows + most_tasks - 1) / most_tasks)) {}
  Index count() const { return (rows_ + length_ - 1) / length_; }
  Range chunk(Index i) const { return {i * length_, std::min(rows_, (i + 1) * length_)}; }

 private:
  Index rows_;
  Index length_;
};

Matrix product_with_columns(const Matrix& a, const Matrix& v, Range rows) {
  Matrix product(rows.size(), v.cols());
  if (!rows.empty() && v.cols() > 0) multiply_rows(a.middleRows(rows.begin, rows.size()), v, product);
  return product;
}

Matrix product_with_columns(const SparseRows& a, const Matrix& v, Range rows) {
  Matrix product = Matrix::Zero(rows.size(), v.cols());
  for (Index i = rows.begin; i < rows.end; ++i) {
    const Range entries = a.entries_of(i);
    for (Index k = entries.begin; k < entries.end; ++k)
      product.row(i - rows.begin) += a.value(k) * v.row(a.column(k));
  }
  return product;
}

double squared_norm(const Matrix& a, Index row) {
  return a.row(row).squaredNorm();
}

double squared_norm(const SparseRows& a, Index row) {
  const Range entries = a.entries_of(row);
  double sum = 0;
  for (Index k = entries.begin; k < entries.end; ++k) sum += a.value(k) * a.value(k);
  return sum;
}

Matrix selected(const Matrix& a, std::span<const Index> rows) {
  Matrix chosen(static_cast<Index>(rows.size()), a.cols());
  for_each_task(chosen.rows(), [&](Index i) { chosen.row(i) = a.row(rows[static_cast<std::size_t>(i)]); });
  return chosen;
}

SparseRows selected(const SparseRows& a, std::span<const Index> rows) {
  SparseRows chosen;
  chosen.columns = a.columns;
  for (const Index row : rows) {
    const Range entries = a.entries_of(row);
    chosen.column_indices.insert(chosen.column_indices.end(), a.column_indices.begin() + entries.begin,
                                 a.column_indices.begin() + entries.end);
    chosen.values.insert(chosen.values.end(), a.values.begin() + entries.begin,
                         a.values.begin() + entries.end);
    chosen.offsets.push_back(chosen.entries());
  }
  return chosen;
}

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

Matrix RowMatrix::times_columns(const Matrix& v) const {
  require(v.rows() == columns(), "RowMatrix::times_columns: v has a row a column");
  Matrix result(rows(), v.cols());
  const RowChunks chunks(rows());
  for_each_task(chunks.count(), [&](Index i) {
    const Range part = chunks.chunk(i);
    result.middleRows(part.begin, part.size()) =
        std::visit([&](const auto& a) { return product_with_columns(a, v, part); }, rows_);
  });
  return result;
}

Vector RowMatrix::squared_row_norms() const {
  Vector norms(rows());
  const RowChunks chunks(rows());
  for_each_task(chunks.count(), [&](Index i) {
    const Range part = chunks.chunk(i);
    for (Index row = part.begin; row < part.end; ++row)
      norms[row] = std::visit([&](const auto& a) { return squared_norm(a, row); }, rows_);
  });
  return norms;
}

RowMatrix RowMatrix::select(std::span<const Index> rows) const {
  return std::visit([&](const auto& a) { return RowMatrix(selected(a, rows)); }, rows_);
}

}  // namespace attnewton
