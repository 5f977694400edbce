#include "attnewton/linalg/matrix_vector.hpp"

#include <algorithm>

#include "attnewton/core/error.hpp"
#include "attnewton/parallel/deterministic.hpp"

namespace attnewton {
namespace {

// Rows that a task takes at least, and the most terms that a sum over rows has: each term is a vector as long
// as a row, which must not outweigh the rows where they are long.
constexpr Index fewest_rows_a_task = 512;
constexpr Index most_terms = 64;
// Longer dense rows are cut, so that few of them feed all threads too.
constexpr Index columns_a_task = 4096;

// Consecutive indices, cut into pieces by their number alone, so that sums have the same bits for any number
// of threads.
struct Pieces {
  Pieces(Index total, Index length) : total_(total), length_(length) {}
  Index count() const { return (total_ + length_ - 1) / length_; }
  Range operator[](Index i) const { return {i * length_, std::min(total_, (i + 1) * length_)}; }

 private:
  Index total_;
  Index length_;
};

Pieces row_pieces(Index rows) {
  return {rows, std::max(fewest_rows_a_task, (rows + most_terms - 1) / most_terms)};
}

Vector product(const SparseRows& a, const Vector& x, Range rows) {
  Vector z(rows.size());
  for (Index i = rows.begin; i < rows.end; ++i) {
    const Range entries = a.entries_of(i);
    double sum = 0;
    for (Index k = entries.begin; k < entries.end; ++k) sum += a.value(k) * x[a.column(k)];
    z[i - rows.begin] = sum;
  }
  return z;
}

Vector transposed_product(const SparseRows& a, const Vector& u, Range rows) {
  Vector sum = Vector::Zero(a.columns);
  for (Index i = rows.begin; i < rows.end; ++i) {
    const Range entries = a.entries_of(i);
    for (Index k = entries.begin; k < entries.end; ++k) sum[a.column(k)] += a.value(k) * u[i];
  }
  return sum;
}

}  // namespace

Vector multiply(const Matrix& a, const Vector& x) {
  require(x.size() == a.cols(), "multiply: x has an entry a column");
  Vector z(a.rows());
  const Pieces rows = row_pieces(a.rows());
  const Pieces columns(a.cols(), columns_a_task);
  for_each_task(rows.count(), [&](Index i) {
    const Range row = rows[i];
    const Vector zero = Vector::Zero(row.size());
    z.segment(row.begin, row.size()) = deterministic_sum(columns.count(), zero, [&](Index j) -> Vector {
      const Range column = columns[j];
      return a.block(row.begin, column.begin, row.size(), column.size()) *
             x.segment(column.begin, column.size());
    });
  });
  return z;
}

Vector multiply(const SparseRows& a, const Vector& x) {
  require(x.size() == a.columns, "multiply: x has an entry a column");
  Vector z(a.rows());
  const Pieces rows = row_pieces(a.rows());
  for_each_task(rows.count(),
                [&](Index i) { z.segment(rows[i].begin, rows[i].size()) = product(a, x, rows[i]); });
  return z;
}

Vector multiply_transposed(const Matrix& a, const Vector& u) {
  require(u.size() == a.rows(), "multiply_transposed: u has an entry a row");
  Vector result(a.cols());
  const Pieces rows = row_pieces(a.rows());
  const Pieces columns(a.cols(), columns_a_task);
  for_each_task(columns.count(), [&](Index j) {
    const Range column = columns[j];
    const Vector zero = Vector::Zero(column.size());
    result.segment(column.begin, column.size()) =
        deterministic_sum(rows.count(), zero, [&](Index i) -> Vector {
          const Range row = rows[i];
          return a.block(row.begin, column.begin, row.size(), column.size()).transpose() *
                 u.segment(row.begin, row.size());
        });
  });
  return result;
}

Vector multiply_transposed(const SparseRows& a, const Vector& u) {
  require(u.size() == a.rows(), "multiply_transposed: u has an entry a row");
  const Pieces rows = row_pieces(a.rows());
  const Vector zero = Vector::Zero(a.columns);
  return deterministic_sum(rows.count(), zero, [&](Index i) { return transposed_product(a, u, rows[i]); });
}

}  // namespace attnewton
