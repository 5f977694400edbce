// Columns of a tall matrix as z-scores.
#pragma once

#include "attnewton/parallel/communicator.hpp"

namespace attnewton {

/// What was taken from each column and what it was then divided by.
struct Standardisation {
  Vector mean;       ///< d
  Vector deviation;  ///< d; √(Σ (a − mean)² / n), and 1 for a constant column, which became 0
};

/// Replaces the columns of A, this rank's rows of it, by z-scores over all ranks' rows: mean 0, mean
/// square 1. A column counts as constant where its deviation is rounding beside its mean. Collective on
/// `comm`, the same number of columns on every rank; two passes over A and two reductions of d numbers.
Standardisation standardise(const Communicator& comm, Matrix& a);

/// Does to the columns of another matrix what was done to A's; constant ones lose their mean. Local,
/// O(entries).
void apply(const Standardisation& standardisation, Matrix& a);

}  // namespace attnewton
