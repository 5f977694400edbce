// Sums of outer products over query rows, whose left factors are Khatri–Rao rows made in the cache. Internal
// to this module.
#pragma once

#include <functional>
#include <vector>

#include "attnewton/curvature/panel_matrix.hpp"

namespace attnewton {

/// Width of the panels that kernels in `Real` add up: their widest block of lanes. Local.
template <class Real>
Index panel_width();

/// sum += Σ_j (left row j)ᵀ (row j of `right`) over the first `rows` rows.
template <class Real>
struct RowProduct {
  /// left(row, rows, first, count, stride, out): columns first … first + count − 1 of the left factor's rows
  /// row … row + rows − 1, rows `stride` apart.
  using Left = std::function<void(Index, Index, Index, Index, Index, Real*)>;

  PanelMatrix<double>* sum;
  const PanelMatrix<Real>* right;
  Index rows;
  Left left;
  std::function<Index(Index)> first_row;  ///< of `sum`, that belongs to block row a
};

/// Adds the products to block rows `a` of their sums, or overwrites these unless `accumulate`. Local, on
/// TBB's threads; every entry is added up in one order, whatever the threads.
template <class Real>
void add_products(const std::vector<RowProduct<Real>>& products, Range a, bool accumulate);

}  // namespace attnewton
