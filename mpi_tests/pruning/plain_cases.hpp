// Inputs and weights that the tests of pruning share, and their way to the plain reference.
#pragma once

#include <algorithm>

#include "attnewton/pruning/input_gram.hpp"
#include "attnewton/random/stream.hpp"

#include "plain_pruning.hpp"
#include "support/shared_rows.hpp"

namespace attnewton::testing_support {

inline plain::Table table_of(const Matrix& a) {
  plain::Table table(static_cast<std::size_t>(a.rows()), static_cast<std::size_t>(a.cols()));
  std::copy(a.data(), a.data() + a.size(), table.entries.begin());
  return table;
}

inline Matrix matrix_of(const plain::Table& table) {
  return ConstMatrixView(table.entries.data(), static_cast<Index>(table.rows),
                         static_cast<Index>(table.columns));
}

/// n × d normals; input i + 1 leans on input i, and sizes differ by a factor of four.
inline Matrix correlated_inputs(Index n, Index d) {
  Matrix x = RandomStream(11, RandomPurpose::inputs).normal_rows({0, n}, d);
  for (Index i = 1; i < d; ++i) x.col(i) += 0.8 * x.col(i - 1);
  for (Index i = 0; i < d; ++i) x.col(i) *= 0.5 + 1.5 * static_cast<double>((i * 7) % 5) / 4;
  return x;
}

inline Matrix random_weights(Index d, Index r) {
  return RandomStream(12, RandomPurpose::planted_x).normal_rows({0, d}, r);
}

/// XᵀX of rows that lie on different ranks.
inline Matrix gram_over_ranks(const Matrix& x) {
  const auto comm = Communicator::world();
  const Range mine = rows_of_rank(x.rows(), comm.size(), comm.rank());
  return input_gram(comm, x.middleRows(mine.begin, mine.size()));
}

}  // namespace attnewton::testing_support
