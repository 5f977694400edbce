// The passes over an attention map's tiles.
#include <utility>

#include "attnewton/core/error.hpp"
#include "attnewton/kernels/scratch.hpp"
#include "attnewton/parallel/deterministic.hpp"
#include "attnewton/pruning/attention_map.hpp"

#include "map_products.hpp"
#include "map_rows.hpp"
#include "map_tiles.hpp"

namespace attnewton {
namespace {

MatrixView tile_view(double* numbers, const MapTile& tile) {
  return {numbers, tile.rows(), tile.columns()};
}
ConstMatrixView tile_view(const double* numbers, const MapTile& tile) {
  return {numbers, tile.rows(), tile.columns()};
}

// The tile's rows of a matrix of local query rows, and of key rows.
ConstMatrixRef query_rows(const Matrix& rows, const MapTile& tile) {
  return rows.middleRows(tile.queries.begin, tile.rows());
}
ConstMatrixRef key_rows_of(const Matrix& rows, const MapTile& tile) {
  return rows.middleRows(tile.keys.begin, tile.columns());
}

const Matrix& of_head(const std::vector<Matrix>& matrices, Index head) {
  return matrices[static_cast<std::size_t>(head)];
}

Matrix beside(const Matrix& left, const Matrix& right) {
  Matrix both(left.rows(), left.cols() + right.cols());
  both << left, right;
  return both;
}

// Results so wide are shared out to tasks by their blocks; of narrower ones the rows that are summed.
constexpr Index widest_shared_by_rows = 256;

// B += AᵀC, on all threads.
void add_pulled(const ConstMatrixRef& a, const Matrix& c, MatrixRef b) {
  if (b.rows() > widest_shared_by_rows) {
    add_transpose_product(a, c, b);
  } else {
    b += transpose_product(a, c);
  }
}

}  // namespace

// What the tiles of a Hessian–vector product read.
struct AttentionMap::Direction {
  HessianForm form;
  std::vector<Matrix> left = {};  // [dQ Q] a head, or dQ alone if fused
  Matrix right = {};              // [R dR]; empty if fused
  Matrix thin_right = {};         // thin_keys() of it
  Matrix d_keys = {};             // dR
};

// Runs `work` on every tile, strip by strip, and adds up what each adds to the `width` columns of its keys'
// rows: m_local × width. In an order that does not depend on threads.
Matrix AttentionMap::sum_over_tiles(Index width, const TileWork& work) const {
  const auto& strips = tiling_->strips;
  std::vector<Matrix> sums(strips.size());
  for_each_task(static_cast<Index>(strips.size()), [&](Index i) {
    const MapStrip& strip = strips[static_cast<std::size_t>(i)];
    Matrix& sum = sums[static_cast<std::size_t>(i)];
    sum = Matrix::Zero(strip.keys.size(), width);
    for (Index t = strip.tiles.begin; t < strip.tiles.end; ++t) {
      const MapTile& tile = tiling_->tiles[static_cast<std::size_t>(t)];
      work(tile, sum.topRows(tile.columns()));
    }
  });
  if (width == 0) return {};
  Matrix total = Matrix::Zero(inputs_->inputs.rows(), width);
  for (std::size_t i = 0; i < strips.size(); ++i)
    total.middleRows(strips[i].keys.begin, strips[i].keys.size()) += sums[i];
  return total;
}

// F of a tile, and its rows' log-sum-exp.
void AttentionMap::softmax_tile(MapForward& at, Index head, const MapTile& tile, double* f) const {
  score_tile(query_rows(of_head(at.queries, head), tile), {key_rows(at), score_keys(at)}, tile.keys,
             inputs_->scale, tile_view(f, tile));
  Vector& log_sum = at.log_sum[static_cast<std::size_t>(head)];
  for (Index row = 0; row < tile.rows(); ++row)
    log_sum[tile.queries.begin + row] =
        softmax_row(f + row * tile.columns(), tile.visible(row), tile.columns());
}

// F of a tile where its log-sum-exp is known: as it is stored, or made again in `scratch`.
const double* AttentionMap::probabilities(const MapForward& at, Index head, const MapTile& tile,
                                          double* scratch) const {
  if (stores_) return at.stored.data() + head * tiling_->probabilities + tile.stored;
  score_tile(query_rows(of_head(at.queries, head), tile), {key_rows(at), score_keys(at)}, tile.keys,
             inputs_->scale, tile_view(scratch, tile));
  const Vector& log_sum = at.log_sum[static_cast<std::size_t>(head)];
  for (Index row = 0; row < tile.rows(); ++row)
    probabilities_row(scratch + row * tile.columns(), tile.visible(row), tile.columns(),
                      log_sum[tile.queries.begin + row]);
  return scratch;
}

// Adds Pᵀ Q to the strip's sums, and sets the tile's query rows of P R.
void AttentionMap::pull_back(const MapForward& at, Index head, const MapTile& tile, const double* p,
                             MapPulled& pulled, const MatrixRef& d_keys) const {
  mix_rows(tile_view(p, tile), key_rows_of(key_rows(at), tile),
           pulled.queries[static_cast<std::size_t>(head)].middleRows(tile.queries.begin, tile.rows()));
  if (!reference_.is_fused())
    add_to_keys(tile_view(p, tile), query_rows(of_head(at.queries, head), tile), d_keys);
}

MapPulled AttentionMap::empty_pulled() const {
  MapPulled pulled;
  for (Index h = 0; h < reference_.heads(); ++h)
    pulled.queries.emplace_back(inputs_->queries(), reference_.inner_width());
  return pulled;
}

void AttentionMap::evaluate_tile(MapForward& at, Index head, const MapTile& tile, bool with_gradient,
                                 Matrix& errors, const MatrixRef& d_keys) const {
  ScratchFrame frame;
  double* const f = at.stored.size() == 0 ? frame.take<double>(tile.size()) : stored_place(at, head, tile);
  double* const target = stores_ ? nullptr : frame.take<double>(tile.size());
  softmax_tile(at, head, tile, f);
  const double* const e = probabilities(at_reference_, head, tile, target);
  double* const p = with_gradient ? frame.take<double>(tile.size()) : nullptr;
  for (Index row = 0; row < tile.rows(); ++row) {
    const Index begin = row * tile.columns();
    errors(head, tile.queries.begin + row) =
        with_gradient ? residual_by_jacobian(f + begin, e + begin, tile.columns(), p + begin)
                      : squared_distance(f + begin, e + begin, tile.columns());
  }
  if (with_gradient) pull_back(at, head, tile, p, at.pulled, d_keys);
}

MapForward AttentionMap::evaluate(const Vector& weights, MapPass pass) const {
  MapForward at = rows_at(weights);
  const Index heads = reference_.heads();
  const bool with_gradient = pass == MapPass::point_gradient;
  if (stores_ && pass != MapPass::errors) at.stored.resize(heads * tiling_->probabilities);
  if (with_gradient) at.pulled = empty_pulled();
  Matrix errors = Matrix::Zero(heads, inputs_->queries());
  Matrix d_keys = sum_over_tiles(with_gradient && !reference_.is_fused() ? reference_.inner_width() : 0,
                                 [&](const MapTile& tile, const MatrixRef& sum) {
                                   for (Index h = 0; h < heads; ++h)
                                     evaluate_tile(at, h, tile, with_gradient, errors, sum);
                                 });
  at.pulled.keys = std::move(d_keys);
  at.obstacle = obstacle_in(at);
  at.squared_errors = errors.rowwise().sum();
  comm_.sum(at.squared_errors);
  return at;
}

// ∂L/∂Q_h and ∂L/∂R of a point that was not prepared for it.
MapPulled AttentionMap::pulled_back(const MapForward& at) const {
  MapPulled pulled = empty_pulled();
  const auto back_over_tile = [&](const MapTile& tile, const MatrixRef& sum) {
    ScratchFrame frame;
    auto* const target = frame.take<double>(stores_ ? 0 : tile.size());
    auto* const again = frame.take<double>(stores_ ? 0 : tile.size());
    auto* const p = frame.take<double>(tile.size());
    for (Index h = 0; h < reference_.heads(); ++h) {
      const double* const f = probabilities(at, h, tile, again);
      const double* const e = probabilities(at_reference_, h, tile, target);
      for (Index row = 0; row < tile.rows(); ++row) {
        const Index begin = row * tile.columns();
        residual_by_jacobian(f + begin, e + begin, tile.columns(), p + begin);
      }
      pull_back(at, h, tile, p, pulled, sum);
    }
  };
  pulled.keys = sum_over_tiles(reference_.is_fused() ? 0 : reference_.inner_width(), back_over_tile);
  return pulled;
}

// What derivatives with respect to query and key rows are with respect to the weights: Xᵀ of each.
Vector AttentionMap::to_weights(const MapPulled& pulled) const {
  Vector weights = Vector::Zero(parameters());
  if (inputs_->queries() == 0) return weights;
  const auto block_of = [&](const ParameterBlock& block) {
    return MatrixView(weights.data() + block.range.begin, block.rows, block.columns);
  };
  for (Index h = 0; h < reference_.heads(); ++h)
    add_pulled(query_inputs(), of_head(pulled.queries, h), block_of(blocks_[static_cast<std::size_t>(h)]));
  if (!reference_.is_fused()) add_pulled(inputs_->inputs, pulled.keys, block_of(blocks_.back()));
  return inputs_->scale * weights;
}

Vector AttentionMap::local_gradient(const MapForward& at) const {
  return to_weights(at.pulled.queries.empty() ? pulled_back(at) : at.pulled);
}

AttentionMap::Direction AttentionMap::direction_of(const MapForward& at, const Vector& direction,
                                                   HessianForm form) const {
  require(direction.size() == parameters(), "AttentionMap: a direction of as many numbers as weights");
  Direction d{.form = form};
  d.d_keys = keys_of(direction);
  for (Index h = 0; h < reference_.heads(); ++h) {
    Matrix d_queries = queries_of(direction, h);
    if (reference_.is_fused()) {
      d.left.push_back(std::move(d_queries));
    } else {
      d.left.push_back(beside(d_queries, of_head(at.queries, h)));
    }
  }
  if (!reference_.is_fused()) {
    d.right = beside(at.keys, d.d_keys);
    d.thin_right = thin_keys(d.right, inputs_->scale);
  }
  return d;
}

// dS of a tile's head into `ds`, and what its rows make of it: dP in its place, P in `p`.
void AttentionMap::direction_rows(const MapForward& at, const Direction& d, Index head, const MapTile& tile,
                                  double* ds, double* p) const {
  ScratchFrame frame;
  const bool is_exact = d.form == HessianForm::exact;
  const bool fused = reference_.is_fused();
  score_tile(query_rows(of_head(d.left, head), tile),
             {fused ? inputs_->inputs : d.right, fused ? thin_inputs_ : d.thin_right}, tile.keys,
             inputs_->scale, tile_view(ds, tile));
  const Index size = stores_ ? 0 : tile.size();
  const double* const f = probabilities(at, head, tile, frame.take<double>(size));
  const double* const e =
      is_exact ? probabilities(at_reference_, head, tile, frame.take<double>(size)) : nullptr;
  for (Index row = 0; row < tile.rows(); ++row) {
    const Index begin = row * tile.columns();
    if (is_exact) {
      residual_derivative(f + begin, e + begin, tile.columns(), ds + begin, p == nullptr ? p : p + begin);
    } else {
      gauss_newton_by_jacobian(f + begin, tile.columns(), ds + begin);
    }
  }
}

void AttentionMap::direction_tile(const MapForward& at, const Direction& d, Index head, const MapTile& tile,
                                  MapPulled& pulled, const MatrixRef& d_keys) const {
  ScratchFrame frame;
  auto* const dp = frame.take<double>(tile.size());
  const bool has_cross_terms = d.form == HessianForm::exact && !reference_.is_fused();
  double* const p = has_cross_terms ? frame.take<double>(tile.size()) : nullptr;
  direction_rows(at, d, head, tile, dp, p);
  pull_back(at, head, tile, dp, pulled, d_keys);
  if (!has_cross_terms) return;
  add_mixed_rows(tile_view(p, tile), key_rows_of(d.d_keys, tile),
                 pulled.queries[static_cast<std::size_t>(head)].middleRows(tile.queries.begin, tile.rows()));
  add_to_keys(tile_view(p, tile), query_rows(of_head(d.left, head), tile).leftCols(reference_.inner_width()),
              d_keys);
}

Vector AttentionMap::local_hessian_vector(const MapForward& at, const Vector& direction,
                                          HessianForm form) const {
  const Direction d = direction_of(at, direction, form);
  MapPulled pulled = empty_pulled();
  pulled.keys = sum_over_tiles(reference_.is_fused() ? 0 : reference_.inner_width(),
                               [&](const MapTile& tile, const MatrixRef& sum) {
                                 for (Index h = 0; h < reference_.heads(); ++h)
                                   direction_tile(at, d, h, tile, pulled, sum);
                               });
  return to_weights(pulled);
}

}  // namespace attnewton
