// Which weights stay, chosen by their scores. Weights lie inputs × outputs: W is d_in × r, a column an
// output.
#pragma once

#include "attnewton/pruning/pattern.hpp"

namespace attnewton {

/// Of the weights' shape; true keeps. Row-major as the weights are.
using Mask = Eigen::Matrix<bool, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// Which scores compete in an unstructured pattern.
enum class Comparison {
  whole_matrix,
  each_output,  ///< every output (column) loses the same number
};

/// Keeps the weights of the largest `scores` (d_in × r). Unstructured: of the whole matrix, or of each
/// output, exactly round(ratio · size) go. N:M: the N largest of every M consecutive inputs of an output stay
/// (kept_of_group() for the last, shorter one); `ratio` is then removed_share() of the pattern and
/// `comparison` has no meaning. Equal scores go in order of their position, the first row's first, so that
/// the count is exact and every rank takes the same. Local, O(size) operations, an index an entry. Throws
/// NumericalError if a score is NaN; InternalError if the ratio is outside [0, 1] or not the pattern's.
Mask keep_largest(const Matrix& scores, const Pattern& pattern, double ratio,
                  Comparison comparison = Comparison::whole_matrix);

/// The share of entries that go; 0 of an empty mask. Local.
double sparsity(const Mask& mask);

/// M∘W: the entries that stay, +0 elsewhere. Local. Throws InternalError if the shapes differ.
Matrix masked(const Matrix& weights, const Mask& mask);

/// What a method leaves: weights that are 0 where `mask` is false, and elsewhere the old ones or better.
struct PrunedMatrix {
  Matrix weights;
  Mask mask;
};

}  // namespace attnewton
