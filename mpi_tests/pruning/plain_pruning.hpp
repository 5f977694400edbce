// Pruning methods as their papers state them, in plain loops that share no code with the library: dense
// inverses by Gauss–Jordan, one input at a time, no blocks of updates.
#pragma once

#include <cstddef>
#include <vector>

namespace attnewton::plain {

/// Row-major.
struct Table {
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::vector<double> entries;

  Table(std::size_t row_count, std::size_t column_count)
      : rows(row_count), columns(column_count), entries(row_count * column_count) {}
  double& at(std::size_t i, std::size_t j) { return entries[i * columns + j]; }
  double at(std::size_t i, std::size_t j) const { return entries[i * columns + j]; }
};

/// H⁻¹ by Gauss–Jordan elimination with row pivots.
Table inverse(Table h);

/// XᵀX of X (n × d), summed entry by entry.
Table gram(const Table& x);

/// Wanda on W (d × r): in each output the ⌊ratio · d⌋ weights of least |W_ij|‖X_i‖ become 0; for n of m > 0
/// all but the n largest of every m inputs.
Table wanda(Table w, const Table& x, double ratio, std::size_t n = 0, std::size_t m = 0);

/// SparseGPT on W (d × r) by the steps of the optimal brain surgeon: after inputs 0 … q − 1 are done, with
/// G = (H over inputs q, q + 1, …)⁻¹, the weight w of input q that goes changes input k's by −w G_kq / G_qq.
/// A weight of input k is judged by w²/G'_kk, G' being the inverse over inputs k, k + 1, … . `mask` receives
/// 1 where a weight stays.
Table sparsegpt(Table w, const Table& x, double ratio, std::size_t n, std::size_t m, std::size_t block,
                double damping, std::vector<char>& mask);

}  // namespace attnewton::plain
