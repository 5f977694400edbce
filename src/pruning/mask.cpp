#include "attnewton/pruning/mask.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"

namespace attnewton {
namespace {

void check_scores(const Matrix& scores) {
  for (Index i = 0; i < scores.rows(); ++i) {
    for (Index j = 0; j < scores.cols(); ++j) {
      if (std::isnan(scores(i, j))) {
        throw NumericalError(
            fmt::format("the pruning score of weight ({}, {}) is NaN: the weights or inputs are too large: "
                        "scale them down",
                        i, j));
      }
    }
  }
}

// Removes the `count` least of the entries at `places` (positions in row-major order), which it reorders.
void remove_least(const Matrix& scores, std::vector<Index>& places, Index count, Mask& mask) {
  if (count <= 0) return;
  const double* score = scores.data();
  const auto goes_before = [score](Index a, Index b) {
    return score[a] != score[b] ? score[a] < score[b] : a < b;
  };
  std::nth_element(places.begin(), places.begin() + (count - 1), places.end(), goes_before);
  for (Index i = 0; i < count; ++i) mask.data()[places[static_cast<std::size_t>(i)]] = false;
}

// Positions of inputs [inputs.begin, inputs.end) of output `output`.
void places_of(const Matrix& scores, Range inputs, Index output, std::vector<Index>& places) {
  places.clear();
  for (Index i = inputs.begin; i < inputs.end; ++i) places.push_back(i * scores.cols() + output);
}

Index count_of(double ratio, Index size) {
  return static_cast<Index>(std::llround(ratio * static_cast<double>(size)));
}

void keep_in_groups(const Matrix& scores, const Pattern& pattern, Mask& mask) {
  std::vector<Index> places;
  for (Index first = 0; first < scores.rows(); first += pattern.group) {
    const Index length = std::min(pattern.group, scores.rows() - first);
    const Index removed = length - kept_of_group(pattern, length);
    for (Index output = 0; output < scores.cols(); ++output) {
      places_of(scores, {first, first + length}, output, places);
      remove_least(scores, places, removed, mask);
    }
  }
}

void check_ratio(const Pattern& pattern, double ratio) {
  require(0 <= ratio && ratio <= 1, "keep_largest: the ratio is in [0, 1]");
  if (pattern.kind == PatternKind::unstructured) return;
  constexpr double tolerance = 1e-6;
  require(std::abs(removed_share(pattern, std::nullopt) - ratio) <= tolerance,
          "keep_largest: the ratio is the pattern's");
}

}  // namespace

Mask keep_largest(const Matrix& scores, const Pattern& pattern, double ratio, Comparison comparison) {
  check_ratio(pattern, ratio);
  check_scores(scores);
  Mask mask = Mask::Constant(scores.rows(), scores.cols(), true);
  std::vector<Index> places;
  if (pattern.kind == PatternKind::n_of_m) {
    keep_in_groups(scores, pattern, mask);
  } else if (comparison == Comparison::each_output) {
    for (Index output = 0; output < scores.cols(); ++output) {
      places_of(scores, {0, scores.rows()}, output, places);
      remove_least(scores, places, count_of(ratio, scores.rows()), mask);
    }
  } else {
    places.resize(static_cast<std::size_t>(scores.size()));
    std::iota(places.begin(), places.end(), Index{0});
    remove_least(scores, places, count_of(ratio, scores.size()), mask);
  }
  return mask;
}

double sparsity(const Mask& mask) {
  if (mask.size() == 0) return 0;
  return 1 - static_cast<double>(mask.count()) / static_cast<double>(mask.size());
}

Matrix masked(const Matrix& weights, const Mask& mask) {
  require(weights.rows() == mask.rows() && weights.cols() == mask.cols(),
          "masked: the mask fits the weights");
  return mask.select(weights, 0.0);
}

}  // namespace attnewton
