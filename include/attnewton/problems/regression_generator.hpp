// Planted regressions on one vector: rows that are random or given, a known x*, and the target that it makes.
#pragma once

#include <cstdint>

#include "attnewton/linalg/row_matrix.hpp"
#include "attnewton/problems/normalisation.hpp"

namespace attnewton {

/// Random rows of A.
struct RowsRecipe {
  Index rows = 1000;         ///< n
  Index width = 20;          ///< d
  double density = 1;        ///< share of the entries that are not zero; below 1 A is sparse
  Index heavy_rows = 0;      ///< the first so many rows are multiplied by heavy_factor
  double heavy_factor = 50;  ///< of heavy rows
  bool positive = false;     ///< absolute values, for links that are not defined below 0
  std::uint64_t seed = 1;
};

/// Rows `rows` of the recipe's A: standard normal entries, addressed by row and column, so that any rank
/// makes the same. Local; cost O(entries). Throws UsageError for sizes that make no sense.
RowMatrix random_rows(const RowsRecipe& recipe, Range rows);

struct PlantRecipe {
  LinkFunction link;
  Normalisation normalisation = Normalisation::softmax;
  double score_scale = 1;  ///< standard deviation of the scores A x*, if A's entries were independent
  double noise = 0;  ///< standard deviation of the normal noise on b, relative to the root mean square of b
  std::uint64_t seed = 1;
};

/// x*, and b = φ(A x*) (none) or φ(A x*)/α (rescaled, softmax), plus noise, of the local rows.
struct PlantedRegression {
  Vector x;
  Vector target;
};

/// Draws x* and makes its target; `rows` are the numbers of the local rows of `a` among all. For a power that
/// is no integer x* ≥ 0. Collective on `comm`; the same x* and b for any number of ranks within rounding.
/// Throws NumericalError naming the row where a score lies outside the link's domain, or where α is next
/// to 0.
PlantedRegression plant_regression(const Communicator& comm, const RowMatrix& a, Range rows,
                                   const PlantRecipe& recipe);

}  // namespace attnewton
