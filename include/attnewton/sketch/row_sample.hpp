// Independent sampling of rows by importance (MATHEMATICS §6).
#pragma once

#include <cstdint>
#include <vector>

#include "attnewton/parallel/communicator.hpp"

namespace attnewton {

/// How likely a row is to be taken: all alike, by the size of its term, or by its leverage score. What size
/// and score are of, each sampled Hessian says.
enum class RowSampling { uniform, norm, leverage };

/// As --sampling spells it: "uniform", "norm", "leverage".
const char* to_string(RowSampling rule);

/// The local rows that a sample took, rising, and for each 1/p of its probability.
struct RowSample {
  std::vector<Index> rows;
  Vector weights;
};

/// How many rows a sample is to have, and what its draws are addressed by.
struct RowSampleOptions {
  double expected_rows = 0;  ///< s, over all ranks; ≥ 0
  std::uint64_t seed = 0;
  Index iteration = 0;
};

/// p_i = min(1, c·importance_i) of the local rows, with the c that makes Σ p_i over all ranks s; all rows of
/// importance above 0 get p = 1 where they are no more than s. `importances` are finite numbers ≥ 0, throws
/// InternalError if not. Collective; O(n_local) a step, no more steps than rows with p = 1 (a few as a rule),
/// a reduction of two numbers each.
Vector inclusion_probabilities(const Communicator& comm, const Vector& importances, double expected_rows);

/// Takes each row with its inclusion probability, independently: Σ over the sample of f_i / p_i is unbiased
/// for Σ f_i where f_i = 0 for rows of importance 0. Row i's draw depends on seed, iteration and its number
/// among all rows alone. Collective, as inclusion_probabilities().
RowSample draw_rows(const Communicator& comm, const Vector& importances, Index first_row,
                    const RowSampleOptions& options);

}  // namespace attnewton
