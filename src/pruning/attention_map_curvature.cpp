// Sums over an attention map's rows that stand for its curvature: of its Kronecker blocks, and of its bounds.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"
#include "attnewton/kernels/scratch.hpp"
#include "attnewton/linalg/symmetric_spectrum.hpp"
#include "attnewton/parallel/deterministic.hpp"
#include "attnewton/pruning/attention_map.hpp"

#include "map_products.hpp"
#include "map_rows.hpp"
#include "map_tiles.hpp"

namespace attnewton {

// Of a head's local query rows.
struct AttentionMap::Moments {
  Matrix mixed;         // F X
  Matrix mixed_square;  // (F∘F) X
  Vector square;        // Σ f²
  Vector weight;        // ω
  Vector key_square;    // Σ over rows of f², a local input
};

namespace {

// ‖X‖⁴: the square of the largest eigenvalue of the smaller of X Xᵀ and XᵀX.
double norm_to_the_fourth(const ConstMatrixRef& x) {
  if (x.size() == 0) return 0;
  Matrix gram = x.rows() < x.cols() ? Matrix(x.rows(), x.rows()) : Matrix(x.cols(), x.cols());
  if (x.rows() < x.cols()) {
    multiply_by_transpose(1, x, x, gram);
  } else {
    gemm(Transpose::yes, Transpose::no, 1, x, x, 0, gram);
  }
  const double largest = all_eigenvalues(gram).maxCoeff();
  return largest * largest;
}

}  // namespace

// Σ_j XᵀJ_j²X = Xᵀ diag(Σ_j f_j²) X − MᵀN − NᵀM + Mᵀ diag(Σf²) M, M = F X, N = (F∘F) X.
Matrix AttentionMap::squared_jacobians(const Moments& head) const {
  const Matrix& x = inputs_->inputs;
  const Matrix mean = 0.5 * (head.square.asDiagonal() * head.mixed) - head.mixed_square;
  const Matrix half = transpose_product(head.mixed, mean);
  return transpose_product(x, head.key_square.asDiagonal() * x) + half + half.transpose();
}

AttentionMap::Moments AttentionMap::moments_of_head(const MapForward& at, Index head) const {
  const Index n = inputs_->queries();
  const Index d = reference_.width();
  Moments moments{Matrix(n, d), Matrix(n, d), Vector(n), Vector(n), {}};
  moments.key_square =
      sum_over_tiles(1, [&](const MapTile& tile, MatrixRef sum) {
        ScratchFrame frame;
        const double* const f = probabilities(at, head, tile, frame.take<double>(stores_ ? 0 : tile.size()));
        auto* const squares = frame.take<double>(tile.size());
        for (Index row = 0; row < tile.rows(); ++row) {
          const Index begin = row * tile.columns();
          const RowMoments of = moments_of_row(f + begin, tile.columns(), squares + begin);
          moments.square[tile.queries.begin + row] = of.square;
          moments.weight[tile.queries.begin + row] = of.weight;
        }
        const ConstMatrixView square(squares, tile.rows(), tile.columns());
        sum.col(0) += square.colwise().sum().transpose();
        const auto keys = inputs_->inputs.middleRows(tile.keys.begin, tile.columns());
        mix_rows(ConstMatrixView(f, tile.rows(), tile.columns()), keys,
                 moments.mixed.middleRows(tile.queries.begin, tile.rows()));
        mix_rows(square, keys, moments.mixed_square.middleRows(tile.queries.begin, tile.rows()));
      }).col(0);
  return moments;
}

MapCurvature AttentionMap::local_curvature(const MapForward& at, const Vector& weights) const {
  const Index d = reference_.width();
  const double scale_squared = inputs_->scale * inputs_->scale;
  MapCurvature sums;
  for (const ParameterBlock& block : blocks_) {
    sums.inputs.emplace_back(Matrix::Zero(d, d));
    sums.outputs.emplace_back(Matrix::Zero(block.columns, block.columns));
  }
  sums.weights = Vector::Zero(static_cast<Index>(blocks_.size()));
  if (inputs_->queries() == 0) return sums;
  const Matrix rows = query_inputs();
  for (std::size_t h = 0; h < at.queries.size(); ++h) {
    const Moments head = moments_of_head(at, static_cast<Index>(h));
    sums.inputs[h] = scale_squared * transpose_product(rows, head.weight.asDiagonal() * rows);
    sums.outputs[h] = squared_jacobians(head);
    sums.weights[static_cast<Index>(h)] = head.weight.sum();
    if (reference_.is_fused()) continue;
    sums.inputs.back() += scale_squared * sums.outputs[h];
    const ConstMatrixView key(weights.data() + blocks_.back().range.begin, d, reference_.inner_width());
    sums.outputs[h] = key.transpose() * sums.outputs[h] * key;
    sums.outputs.back() += transpose_product(at.queries[h], head.weight.asDiagonal() * at.queries[h]);
    sums.weights.tail(1)[0] += head.weight.sum();
  }
  return sums;
}

double AttentionMap::sum_of_input_norms_to_the_fourth() const {
  std::vector<double> terms(inputs_->sequences.size());
  for_each_task(static_cast<Index>(terms.size()), [&](Index i) {
    const LocalSequence& s = inputs_->sequences[static_cast<std::size_t>(i)];
    if (s.owns_keys)
      terms[static_cast<std::size_t>(i)] =
          norm_to_the_fourth(inputs_->inputs.middleRows(s.keys.begin, s.keys.size()));
  });
  double sum = 0;
  for (const double term : terms) sum += term;
  return comm_.sum(sum);
}

double mask_lipschitz_constant(const AttentionMap& map, double ridge) {
  if (!map.reference().is_fused())
    throw UsageError("the bound of the mask gradient's Lipschitz constant holds for fused weights alone");
  if (!(ridge >= 0) || !std::isfinite(ridge))
    throw UsageError(fmt::format("the ridge must be a finite number of at least 0, not {}", ridge));
  double largest = 0;
  for (const Matrix& p : map.reference().query) largest = std::max(largest, p.cwiseAbs().maxCoeff());
  const double scale = map.inputs().scale;
  return ridge + 1.25 * scale * scale * map.sum_of_input_norms_to_the_fourth() * largest * largest;
}

}  // namespace attnewton
