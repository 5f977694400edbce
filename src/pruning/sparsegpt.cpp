#include "attnewton/pruning/sparsegpt.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"
#include "attnewton/linalg/blas.hpp"
#include "attnewton/linalg/inverse_cholesky.hpp"

namespace attnewton {
namespace {

// U with UᵀU = H⁻¹. Inputs that are always 0 have their weights set to 0.
Matrix inverse_factor(const Matrix& input_gram, Index rows, double damping, Matrix& weights) {
  Matrix h = (2.0 / static_cast<double>(rows)) * input_gram;
  for (Index i = 0; i < h.rows(); ++i) {
    if (h(i, i) != 0) continue;
    h(i, i) = 1;
    weights.row(i).setZero();
  }
  h.diagonal().array() += damping * h.diagonal().mean();
  auto factor = inverse_cholesky_factor(h);
  if (factor) return std::move(*factor);
  throw NumericalError(
      fmt::format("SparseGPT: H = 2 X'X / n + {} mean(diag) I of {} inputs and {} rows is not positive "
                  "definite: look for "
                  "inputs of very different size or too large to square, scale them, or raise the damping",
                  damping, h.rows(), rows));
}

void check_overflow(const Matrix& values) {
  if (values.allFinite()) return;
  throw NumericalError(
      "SparseGPT: the compensated weights overflow: the weights or inputs are too large: scale them down, or "
      "raise the damping");
}

class Sweep {
 public:
  Sweep(Matrix weights, Matrix inverse_factor, const Pattern& pattern, double ratio)
      : w_(std::move(weights)), u_(std::move(inverse_factor)), pattern_(pattern), ratio_(ratio) {
    mask_ = Mask::Constant(w_.rows(), w_.cols(), true);
  }

  PrunedMatrix run(Index block) {
    for (Index begin = 0; begin < w_.rows(); begin += block) {
      prune_block({begin, std::min(begin + block, Index{w_.rows()})});
    }
    return {std::move(w_), std::move(mask_)};
  }

 private:
  // Removes weights of the inputs of a block and lets all later inputs make good the error.
  void prune_block(Range inputs) {
    Matrix errors(inputs.size(), w_.cols());
    if (pattern_.kind == PatternKind::unstructured) choose_in_block(inputs);
    for (Index q = inputs.begin; q < inputs.end; ++q) {
      if (pattern_.kind == PatternKind::n_of_m && (q - inputs.begin) % pattern_.group == 0)
        choose_in_group({q, std::min(q + pattern_.group, inputs.end)});
      auto error = errors.row(q - inputs.begin);
      error = mask_.row(q).select(0.0, w_.row(q) / u_(q, q));
      w_.row(q) = mask_.row(q).select(w_.row(q), 0.0).eval();
      for (Index later = q + 1; later < inputs.end; ++later) w_.row(later) -= u_(q, later) * error;
    }
    const Index left = w_.rows() - inputs.end;
    if (left == 0) return;
    errors = -errors;
    add_transpose_product(u_.block(inputs.begin, inputs.end, inputs.size(), left), errors,
                          w_.bottomRows(left));
  }

  // w²/U_qq² of some inputs' weights.
  Matrix saliency(Range inputs) const {
    const auto weights = w_.middleRows(inputs.begin, inputs.size());
    const Vector scale = u_.diagonal().segment(inputs.begin, inputs.size()).array().square().inverse();
    Matrix saliency = scale.asDiagonal() * weights.cwiseAbs2();
    check_overflow(saliency);  // NaN would pass for small
    return saliency;
  }

  void choose_in_block(Range inputs) {
    const Matrix scores = saliency(inputs);
    Matrix sorted = scores;
    double* place = sorted.data() + static_cast<Index>(ratio_ * static_cast<double>(scores.size()));
    std::nth_element(sorted.data(), place, sorted.data() + sorted.size());
    const double threshold = *place;
    mask_.middleRows(inputs.begin, inputs.size()) = scores.array() > threshold;
  }

  void choose_in_group(Range inputs) {
    mask_.middleRows(inputs.begin, inputs.size()) = keep_largest(saliency(inputs), pattern_, ratio_);
  }

  Matrix w_;
  Matrix u_;
  Mask mask_;
  Pattern pattern_;
  double ratio_;
};

// Groups must not be cut by a block's end.
Index block_size(const Pattern& pattern, Index block) {
  if (pattern.kind == PatternKind::unstructured) return block;
  return std::max(pattern.group, block / pattern.group * pattern.group);
}

}  // namespace

PrunedMatrix prune_sparsegpt(const Matrix& weights, const Matrix& input_gram, Index rows,
                             const Pattern& pattern, double ratio, const SparseGptOptions& options) {
  require(input_gram.rows() == weights.rows() && input_gram.cols() == weights.rows(),
          "prune_sparsegpt: X'X has a row and a column an input");
  require(rows >= 1, "prune_sparsegpt: there are input rows");
  require(0 <= ratio && ratio < 1, "prune_sparsegpt: the ratio is in [0, 1)");
  require(options.damping >= 0 && options.block >= 1, "prune_sparsegpt: options in range");
  if (weights.size() == 0) return {weights, Mask(weights.rows(), weights.cols())};
  Matrix w = weights;
  Matrix u = inverse_factor(input_gram, rows, options.damping, w);
  PrunedMatrix pruned =
      Sweep(std::move(w), std::move(u), pattern, ratio).run(block_size(pattern, options.block));
  check_overflow(pruned.weights);
  return pruned;
}

}  // namespace attnewton
