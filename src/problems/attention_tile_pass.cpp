#include "attnewton/problems/attention_tile_pass.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

namespace attnewton {

template <class Real>
AttentionTilePass<Real>::AttentionTilePass(const Matrix& queries, const AttentionOperands<Real>& operands,
                                           const AttentionTile& tile)
    : kernels_(tile_kernels<Real>(instruction_set())),
      queries_(queries),
      operands_(operands),
      tile_(tile),
      blocks_(lane_blocks(tile.queries.size(), kernels_.lanes, kernels_.most_vectors)),
      visible_(tile.causal ? visible_keys() : LaneArray<Index>()) {
  if constexpr (!std::is_same_v<Real, double>)
    part_ = scratch_.take<Real>(most_mix_columns() * blocks_.front().width);
}

template <class Real>
Index AttentionTilePass<Real>::most_mix_columns() const {
  constexpr Index least = 96;
  return std::max({least, operands_.keys.columns(), operands_.values().columns()});
}

// Unused lanes see what the block's last row does.
template <class Real>
LaneArray<Index> AttentionTilePass<Real>::visible_keys() {
  const LaneArray<Index> visible = array<Index>(1);
  for (const LaneBlock& block : blocks_) {
    for (Index i = 0; i < block.width; ++i)
      visible.of(block)[i] = tile_.visible(block.first_row + std::min(i, block.rows - 1));
  }
  return visible;
}

template <class Real>
LaneChunk AttentionTilePass<Real>::chunk_of(const LaneBlock& block, Index first) const {
  const Index keys = std::min(keys_per_chunk, tile_.keys.size() - first);
  if (!visible_) return {.block = &block, .first = first, .count = keys, .mask = {}};
  const Index* visible = visible_.of(block);
  const Index count = std::min(keys, visible[block.rows - 1] - first);
  const bool is_cut = visible[0] - first < count;
  return {.block = &block, .first = first, .count = count, .mask = {is_cut ? visible : nullptr, first}};
}

template <class Real>
LaneArray<Real> AttentionTilePass<Real>::packed(const Matrix& rows) {
  return packed_rows(rows, tile_.queries.begin);
}

template <class Real>
LaneArray<Real> AttentionTilePass<Real>::packed_rows(const Matrix& rows, Index first) {
  LaneArray<Real> lanes = array(rows.cols());
  for (const LaneBlock& block : blocks_) {
    kernels_.pack(block.vectors, block.rows, rows.cols(), rows.row(first + block.first_row).data(),
                  rows.cols(), lanes.of(block));
  }
  return lanes;
}

template <class Real>
LaneArray<Real> AttentionTilePass<Real>::queries_times(const Operand<Real>& x) {
  const LaneArray<Real> queries = packed(queries_);
  LaneArray<Real> products = array(x.columns());
  for (const LaneBlock& block : blocks_) {
    kernels_.mix(block.vectors, x.columns(), queries.rows(), x.row(0), x.columns(),
                 {queries.of(block), block.width}, {products.of(block), block.width}, false);
  }
  return products;
}

template <class Real>
LaneArray<double> AttentionTilePass<Real>::zeros(Index rows) {
  LaneArray<double> lanes = array<double>(rows);
  std::fill_n(lanes.of(blocks_.front()), rows * total_lanes(blocks_), 0.0);
  return lanes;
}

template <class Real>
void AttentionTilePass<Real>::dots(const LaneChunk& chunk, const Operand<Real>& b, const LaneArray<Real>& in,
                                   Real* out, bool accumulate) const {
  const Index width = chunk.block->width;
  kernels_.dots(chunk.block->vectors, chunk.count, b.columns(), b.row(tile_.keys.begin + chunk.first),
                b.columns(), {in.of(*chunk.block), width}, {out, width}, accumulate);
}

template <class Real>
void AttentionTilePass<Real>::add_mix(const LaneChunk& chunk, const Operand<Real>& b, const Real* weights,
                                      const LaneArray<double>& sum) {
  add_mix(chunk, b.row(tile_.keys.begin + chunk.first), b.columns(), b.columns(), weights,
          sum.of(*chunk.block));
}

template <class Real>
void AttentionTilePass<Real>::add_mix(const LaneChunk& chunk, const Real* b, Index columns, Index stride,
                                      const Real* weights, double* sum) {
  const LaneBlock& block = *chunk.block;
  const Lanes<const Real> in{weights, block.width};
  if constexpr (std::is_same_v<Real, double>) {
    kernels_.mix(block.vectors, columns, chunk.count, b, stride, in, {sum, block.width}, chunk.first > 0);
  } else {
    if (chunk.first == 0) std::fill_n(sum, columns * block.width, 0.0);
    kernels_.mix(block.vectors, columns, chunk.count, b, stride, in, {part_, block.width}, false);
    kernels_.add(block.vectors, columns, part_, sum);
  }
}

template <class Real>
LaneArray<Real> AttentionTilePass<Real>::rounded(const LaneArray<double>& sums) {
  if constexpr (std::is_same_v<Real, double>) {
    return sums;
  } else {
    LaneArray<Real> copy = array(sums.rows());
    for (const LaneBlock& block : blocks_)
      kernels_.round_to(block.vectors, sums.rows(), sums.of(block), copy.of(block));
    return copy;
  }
}

template <class Real>
void AttentionTilePass<Real>::unpack(const LaneArray<double>& lanes, Matrix& rows) const {
  for (const LaneBlock& block : blocks_) {
    kernels_.unpack(block.vectors, block.rows, rows.cols(), lanes.of(block),
                    rows.row(tile_.queries.begin + block.first_row).data(), rows.cols());
  }
}

template <class Real>
typename AttentionTilePass<Real>::RunningSoftmax AttentionTilePass<Real>::start_softmax() {
  const LaneArray<Real> maximum = array(1);
  std::fill_n(maximum.of(blocks_.front()), total_lanes(blocks_), -std::numeric_limits<Real>::infinity());
  const LaneArray<double> sum = zeros(1);
  return {maximum, sum, array<double>(1)};
}

template <class Real>
bool AttentionTilePass<Real>::add_to_softmax(const LaneChunk& chunk, const LaneArray<Real>& queries,
                                             Real* scores, const RunningSoftmax& softmax) const {
  const LaneBlock& block = *chunk.block;
  dots(chunk, operands_.keys, queries, scores);
  return kernels_.softmax(block.vectors, chunk.count, chunk.mask, scores, softmax.maximum.of(block),
                          softmax.sum.of(block), softmax.rescale.of(block));
}

template <class Real>
void AttentionTilePass<Real>::finish_softmax(const RunningSoftmax& softmax, Vector& log_sum,
                                             const LaneArray<Real>& weights) const {
  for (const LaneBlock& block : blocks_) {
    const Real* maximum = softmax.maximum.of(block);
    const double* sum = softmax.sum.of(block);
    double* reciprocal = softmax.rescale.of(block);
    for (Index i = 0; i < block.width; ++i) reciprocal[i] = 1 / sum[i];
    for (Index i = 0; i < block.rows; ++i)
      log_sum[tile_.queries.begin + block.first_row + i] = static_cast<double>(maximum[i]) + std::log(sum[i]);
    if (!weights) continue;
    const Index seen = chunks_of(tile_.visible(block.first_row + block.rows - 1));
    for (Index chunk = 0; chunk < seen; ++chunk) {
      Real* weight = weights.of(block, chunk);
      for (Index i = 0; i < block.width; ++i) weight[i] -= maximum[i];
      kernels_.exponential(block.width, weight, weight);
      for (Index i = 0; i < block.width; ++i) weight[i] *= static_cast<Real>(reciprocal[i]);
    }
  }
}

template <class Real>
void AttentionTilePass<Real>::softmax_mix(const LaneArray<Real>& queries, Matrix& mixed, Vector& log_sum,
                                          const LaneArray<Real>& stored, const LaneArray<Real>& weights) {
  const Operand<Real>& values = operands_.values();
  const RunningSoftmax softmax = start_softmax();
  const LaneArray<double> mix = array<double>(values.columns());
  const LaneArray<Real> one_chunk = stored ? LaneArray<Real>() : array(keys_per_chunk);

  for_each_chunk([&](const LaneChunk& chunk) {
    const LaneBlock& block = *chunk.block;
    Real* scores = stored ? stored.of(block, chunk.first) : one_chunk.of(block);
    const bool changed = add_to_softmax(chunk, queries, scores, softmax);
    if (changed && chunk.first > 0)
      kernels_.scale(block.vectors, values.columns(), softmax.rescale.of(block), mix.of(block));
    add_mix(chunk, values, scores, mix);
    if (weights) std::copy_n(softmax.maximum.of(block), block.width, weights.of(block, chunk.index()));
  });

  finish_softmax(softmax, log_sum, weights);
  for (const LaneBlock& block : blocks_)
    kernels_.scale(block.vectors, values.columns(), softmax.rescale.of(block), mix.of(block));
  unpack(mix, mixed);
}

template class AttentionTilePass<double>;
template class AttentionTilePass<float>;

}  // namespace attnewton
