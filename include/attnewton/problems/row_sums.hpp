// Sums over the rows of all ranks, the same number on every rank and for any number of threads.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

#include "attnewton/parallel/communicator.hpp"
#include "attnewton/parallel/deterministic.hpp"

namespace attnewton {

/// Σ over all ranks' rows of the `count` numbers that `term` gives each of this rank's `rows` rows, as an
/// array. Collective: one reduction and one broadcast. Cost O(rows) on TBB's threads.
template <std::size_t count, class Term>
std::array<double, count> sums_over_rows(const Communicator& comm, Index rows, const Term& term) {
  struct Sums {
    std::array<double, count> values{};
    Sums& operator+=(const Sums& other) {
      for (std::size_t k = 0; k < count; ++k) values[k] += other.values[k];
      return *this;
    }
  };
  constexpr Index rows_per_term = 4096;
  Sums total = deterministic_sum((rows + rows_per_term - 1) / rows_per_term, Sums{}, [&](Index chunk) {
    Sums sums;
    const Index end = std::min(rows, (chunk + 1) * rows_per_term);
    for (Index i = chunk * rows_per_term; i < end; ++i) sums += Sums{term(i)};
    return sums;
  });
  comm.sum(std::span<double>(total.values));
  // Ranks on unlike processors may round unlike; what decides must be one number.
  comm.broadcast(std::span<double>(total.values));
  return total.values;
}

}  // namespace attnewton
