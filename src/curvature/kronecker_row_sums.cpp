#include "kronecker_row_sums.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "attnewton/linalg/packed_symmetric.hpp"
#include "attnewton/parallel/deterministic.hpp"

#include "row_chunks.hpp"
#include "row_product.hpp"

namespace attnewton {
namespace {

// Block rows that become final together: few, so that reductions begin early and hold little memory.
constexpr Index final_rows = 4;

// Which part of conj(v) vᵀ; of a real v the symmetric one is all.
enum class Part { symmetric, skew };

// A row of KroneckerRows' left or right side.
struct Vectors {
  const double* re;
  const double* im;  // null: real
};

Vectors row_of(const Matrix& side, bool is_complex, Index row) {
  const double* re = side.row(row).data();
  return {re, is_complex ? re + side.cols() / 2 : nullptr};
}

// The row of a lower triangle that packed entry `index` lies in.
Index packed_row(Index index) {
  auto row = static_cast<Index>((std::sqrt(8 * static_cast<double>(index) + 1) - 1) / 2);
  while (packed_size(row) > index) --row;
  while (packed_size(row + 1) <= index) ++row;
  return row;
}

// Entries first … first + count − 1 of the part's packed lower triangle.
void pack_part(const Vectors& v, Part part, Index first, Index count, double* out) {
  Index a = packed_row(first);
  Index b = first - packed_size(a);
  while (count > 0) {
    const Index length = std::min(count, a + 1 - b);
    if (v.im == nullptr) {
      for (Index k = 0; k < length; ++k) out[k] = v.re[a] * v.re[b + k];
    } else if (part == Part::symmetric) {
      for (Index k = 0; k < length; ++k) out[k] = v.re[a] * v.re[b + k] + v.im[a] * v.im[b + k];
    } else {
      for (Index k = 0; k < length; ++k) out[k] = v.re[a] * v.im[b + k] - v.im[a] * v.re[b + k];
    }
    out += length;
    count -= length;
    ++a;
    b = 0;
  }
}

// Some rows of the right side's part, packed.
void fill_right(const KroneckerRows& from, Part part, Range rows, PanelMatrix<double>& right) {
  for_each_task(rows.size(), [&](Index i) {
    const Vectors v = row_of(from.right, from.is_complex, rows.begin + i);
    for (Index panel = 0; panel < right.panels(); ++panel) {
      const Index first = panel * right.panel_width();
      pack_part(v, part, first, std::min(right.panel_width(), right.columns() - first), right.at(panel, i));
    }
  });
}

RowProduct<double>::Left left_factor(const KroneckerRows& from, Part part, Index begin) {
  return [&from, part, begin](Index row, Index rows, Index first, Index count, Index stride, double* out) {
    for (Index i = 0; i < rows; ++i)
      pack_part(row_of(from.left, from.is_complex, begin + row + i), part, first, count, out + i * stride);
  };
}

}  // namespace

void set_to_packed_products(const Matrix& packed_u, const Matrix& packed_v, PanelMatrix<double>& sums) {
  if (packed_u.rows() == 0) {
    sums.set_zero();
    return;
  }
  for_each_task(sums.rows(), [&](Index row) {
    const Vector term = packed_v.transpose() * packed_u.col(row);
    for (Index column = 0; column < term.size(); ++column) sums(row, column) = term[column];
  });
}

KroneckerRowSums::KroneckerRowSums(const KroneckerRows& rows, const Matrix& packed_u, const Matrix& packed_v)
    : rows_(rows),
      packed_u_(packed_u),
      packed_v_(packed_v),
      symmetric_(packed_size(rows.left_width()), packed_size(rows.right_width()), panel_width<double>()) {
  if (rows.is_complex)
    skew_ = PanelMatrix<double>(symmetric_.rows(), symmetric_.columns(), symmetric_.panel_width());
}

// Makes the sums what they start from. Returns whether they hold anything.
bool KroneckerRowSums::start() {
  if (packed_u_.rows() == 0 && rows_.left.rows() > 0) return false;
  if (!skew_.empty()) skew_.set_zero();
  set_to_packed_products(packed_u_, packed_v_, symmetric_);
  return true;
}

void KroneckerRowSums::add_up(const std::function<void(Range)>& rows_done) {
  const Index count = rows_.left.rows();
  const Index numbers_a_row = symmetric_.columns() + skew_.columns();
  const Index limit = std::min(count, chunk_rows(numbers_a_row * static_cast<Index>(sizeof(double))));
  PanelMatrix<double> symmetric(limit, symmetric_.columns(), symmetric_.panel_width());
  PanelMatrix<double> skew(skew_.empty() ? 0 : limit, skew_.columns(), symmetric_.panel_width());
  std::vector<RowProduct<double>> products;
  const auto add_product = [&](Part part, Range rows, PanelMatrix<double>& right, PanelMatrix<double>& sum) {
    fill_right(rows_, part, rows, right);
    products.push_back({&sum, &right, rows.size(), left_factor(rows_, part, rows.begin),
                        [](Index a) { return packed_size(a); }});
  };
  bool accumulate = start();
  for (Index begin = 0; begin < count; begin += limit) {
    if (!products.empty()) {
      add_products(products, {0, rows_.left_width()}, accumulate);
      accumulate = true;
      products.clear();
    }
    const Range rows{begin, std::min(count, begin + limit)};
    add_product(Part::symmetric, rows, symmetric, symmetric_);
    if (!skew_.empty()) add_product(Part::skew, rows, skew, skew_);
  }
  for (Index a = 0; a < rows_.left_width(); a += final_rows) {
    const Range rows{a, std::min(rows_.left_width(), a + final_rows)};
    if (!products.empty()) add_products(products, rows, accumulate);
    rows_done(rows);
  }
}

Matrix KroneckerRowSums::block_row(Index a) const {
  const Index d2 = rows_.right_width();
  Matrix row = symmetric_block_row(symmetric_, d2, a);
  if (skew_.empty()) return row;
  for_each_task(a + 1, [&](Index a_prime) {
    Vector packed(packed_size(d2));
    skew_.copy_row(packed_index(a, a_prime), 0, packed.size(), packed.data());
    auto block = row.middleCols(a_prime * d2, d2);
    for (Index b = 0; b < d2; ++b) {
      for (Index c = 0; c < b; ++c) {
        block(b, c) -= packed[packed_index(b, c)];
        block(c, b) += packed[packed_index(b, c)];
      }
    }
  });
  return row;
}

}  // namespace attnewton
