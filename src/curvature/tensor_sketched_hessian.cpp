#include "attnewton/curvature/tensor_sketched_hessian.hpp"

#include <cmath>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"
#include "attnewton/core/timing.hpp"
#include "attnewton/linalg/panel_reducer.hpp"

#include "attention_y_block.hpp"
#include "kronecker_row_sums.hpp"
#include "sketched_sequences.hpp"

namespace attnewton {
namespace {

// m ε²/(d₁d₂) of the distortions measured.
constexpr double rows_of_srht = 7.5;
constexpr double rows_of_sparse = 6;

}  // namespace

Index tensor_sketch_rows(const TensorSketchOptions& options, Index d1, Index d2) {
  if (options.rows < 0)
    throw UsageError(fmt::format(
        "a tensor sketch of {} rows: give a number of at least 1, or 0 for the default", options.rows));
  if (options.blocks < 1)
    throw UsageError(fmt::format("a tensor sketch of {} blocks: give at least 1", options.blocks));
  if (!(options.distortion > 0 && options.distortion <= 1))
    throw UsageError(fmt::format("a tensor sketch of distortion {}: give a number above 0, at most 1",
                                 options.distortion));
  if (options.rows > 0) return options.rows;
  const double rows = options.family == TensorSketch::srht ? rows_of_srht : rows_of_sparse;
  return static_cast<Index>(
      std::ceil(rows * static_cast<double>(d1 * d2) / (options.distortion * options.distortion)));
}

TensorSketchedHessian::TensorSketchedHessian(const AttentionProblem& problem,
                                             const TensorSketchOptions& options)
    : problem_(problem),
      options_(options),
      rows_(tensor_sketch_rows(options, problem.data().query_width(), problem.data().key_width())) {}

void TensorSketchedHessian::assemble(const Point& base, const Progress& progress,
                                     DistributedMatrix& h) const {
  const auto& point = static_cast<const AttentionPoint&>(base);
  require(h.rows() == problem_.unknowns() && h.columns() == problem_.unknowns(),
          "TensorSketchedHessian::assemble: h is unknowns × unknowns");
  h.set_zero();
  KroneckerRows rows;
  {
    const TimingScope timing("sketch");
    const KroneckerWeights weights = kronecker_weights(problem_, point);
    rows = sketch_sequences(problem_, weights, options_, rows_, progress.iteration);
  }
  {
    const TimingScope timing("sums over rows");
    const AttentionRegulariser& regulariser = problem_.regulariser();
    const Index d2 = problem_.data().key_width();
    KroneckerRowSums sums(rows, regulariser.packed_u(), regulariser.packed_v());
    PanelReducer into_h(h);
    sums.add_up([&](Range block_rows) {
      const TimingScope reduction("reduction");
      for (Index a = block_rows.begin; a < block_rows.end; ++a) into_h.add(a * d2, 0, sums.block_row(a));
    });
    const TimingScope reduction("reduction");
    into_h.finish();
  }
  h.add_to_diagonal(problem_.regulariser().ridge(), problem_.unknowns_x());
  if (problem_.variables() == AttentionVariables::joint)
    add_y_block(problem_.gram_y(point), problem_.data().output_width(), problem_.unknowns_x(), h);
}

}  // namespace attnewton
