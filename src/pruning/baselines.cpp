#include "attnewton/pruning/baselines.hpp"

#include <cmath>

#include "attnewton/core/error.hpp"

namespace attnewton {

PrunedMatrix prune_magnitude(const Matrix& weights, const Pattern& pattern, double ratio) {
  const Mask mask = keep_largest(weights.cwiseAbs(), pattern, ratio, Comparison::whole_matrix);
  return {masked(weights, mask), mask};
}

PrunedMatrix prune_wanda(const Matrix& weights, const Vector& input_norms, const Pattern& pattern,
                         double ratio) {
  require(input_norms.size() == weights.rows(), "prune_wanda: one norm an input");
  const Matrix scores = input_norms.asDiagonal() * weights.cwiseAbs();
  double share = ratio;
  if (pattern.kind == PatternKind::unstructured && weights.rows() > 0) {
    const auto inputs = static_cast<double>(weights.rows());
    share = std::floor(ratio * inputs) / inputs;
  }
  const Mask mask = keep_largest(scores, pattern, share, Comparison::each_output);
  return {masked(weights, mask), mask};
}

}  // namespace attnewton
