#include "attnewton/problems/attention_stream.hpp"

#include "attention_stream_parts.hpp"

namespace attnewton {
namespace {

// Work, in scores, that makes a task worth starting. A row costs about as much as so many scores on top of
// its own.
constexpr Index least_task_scores = Index{1} << 15;
constexpr Index scores_of_row = 256;

std::vector<Range> batches_of(const std::vector<AttentionTile>& tiles) {
  std::vector<Range> batches;
  Index scores = least_task_scores;
  for (Index t = 0; t < static_cast<Index>(tiles.size()); ++t) {
    if (scores >= least_task_scores) {
      batches.push_back({t, t});
      scores = 0;
    }
    const AttentionTile& tile = tiles[static_cast<std::size_t>(t)];
    scores += tile.queries.size() * (tile.keys.size() + scores_of_row);
    batches.back().end = t + 1;
  }
  return batches;
}

}  // namespace

template <class Real>
AttentionStream<Real>::AttentionStream(const AttentionData& data)
    : data_(data),
      operands_(data),
      tiles_(make_tiles(data.sequences, data.causal)),
      batches_(batches_of(tiles_)) {}

// ------------------------------------------------------------------------------------------- forward

template <class Real>
AttentionForward AttentionStream<Real>::forward(const Matrix& x) const {
  const Matrix scaled_x = data_.scale * x;
  const Operand<Real> x_operand(scaled_x);
  AttentionForward at;
  at.mixed.resize(data_.queries.rows(), data_.value_width());
  at.log_sum.resize(data_.queries.rows());
  for_each_tile([&](Pass& pass) { pass.softmax_mix(pass.queries_times(x_operand), at.mixed, at.log_sum); });
  return at;
}

template <class Real>
AttentionForward AttentionStream<Real>::forward_and_back(const Matrix& x, const Matrix& y) const {
  const Gradient g(data_, x, y);
  AttentionForward at;
  at.mixed.resize(data_.queries.rows(), data_.value_width());
  at.log_sum.resize(data_.queries.rows());
  at.residual.resize(data_.queries.rows(), data_.output_width());
  at.pulled_back.resize(data_.queries.rows(), data_.key_width());
  for_each_tile([&](Pass& pass) {
    const AttentionTile& tile = pass.tile();
    const bool stores = pass.scores() <= most_stored_scores;
    const Lanes queries = pass.queries_times(g.x_operand);
    const Lanes stored = stores ? pass.array(tile.keys.size()) : Lanes();
    const Lanes weights = stores ? pass.array(chunks_of(tile.keys.size())) : Lanes();
    pass.softmax_mix(queries, at.mixed, at.log_sum, stored, weights);
    multiply_rows(query_rows(at.mixed, tile), y, query_rows(at.residual, tile));
    query_rows(at.residual, tile) -= query_rows(data_.target, tile);
    back_over_tile(pass, g, queries, stored, weights, at, at.pulled_back);
  });
  return at;
}

// ------------------------------------------------------------------------------------------ backward

template <class Real>
Matrix AttentionStream<Real>::back(const Matrix& x, const Matrix& y, const AttentionForward& at) const {
  const Gradient g(data_, x, y);
  Matrix pulled_back(data_.queries.rows(), data_.key_width());
  for_each_tile(
      [&](Pass& pass) { back_over_tile(pass, g, pass.queries_times(g.x_operand), {}, {}, at, pulled_back); });
  return pulled_back;
}

// P A₂ of a tile's rows, from the exponentials that were stored, or from the logits once more.
template <class Real>
void AttentionStream<Real>::back_over_tile(Pass& pass, const Gradient& g, const Lanes& queries,
                                           const Lanes& stored, const Lanes& weights,
                                           const AttentionForward& at, Matrix& pulled_back) const {
  const auto& kernels = pass.kernels();
  const Index first_row = pass.tile().queries.begin;
  const Lanes residual = pass.packed(at.residual);
  // s_j = ⟨o_j, c_j⟩ with o_j = c_j + b_j
  const Lanes s = pass.per_row([&](Index j) {
    const auto c = at.residual.row(first_row + j);
    return c.dot(c + data_.target.row(first_row + j));
  });
  const Lanes shift = stored ? Lanes() : pass.per_row([&](Index j) { return at.log_sum[first_row + j]; });
  const Lanes ones = stored ? Lanes() : pass.per_row([](Index) { return 1; });
  const Lanes f_chunk = stored ? Lanes() : pass.array(keys_per_chunk);
  const Lanes g_chunk = pass.array(keys_per_chunk);
  const auto sum = pass.template array<double>(data_.key_width());

  pass.for_each_chunk([&](const LaneChunk& chunk) {
    const LaneBlock& block = *chunk.block;
    const Real* f = stored ? stored.of(block, chunk.first) : f_chunk.of(block);
    const Real* weight = stored ? weights.of(block, chunk.index()) : ones.of(block);
    if (!stored) {
      pass.dots(chunk, operands_.keys, queries, f_chunk.of(block));
      kernels.shifted_exponential(block.vectors, chunk.count, chunk.mask, f_chunk.of(block), shift.of(block));
    }
    Real* p = g_chunk.of(block);
    pass.dots(chunk, g.outputs_operand, residual, p);
    kernels.backward(block.vectors, chunk.count, f, weight, s.of(block), p);
    pass.add_mix(chunk, operands_.keys, p, sum);
  });
  pass.unpack(sum, pulled_back);
}

// ------------------------------------------------------------------------------------------ averages

template <class Real>
Matrix AttentionStream<Real>::averages(const Matrix& x, const AttentionForward& at, const Matrix& b) const {
  const Matrix scaled_x = data_.scale * x;
  const Operand<Real> x_operand(scaled_x);
  const Operand<Real> b_operand(b);
  Matrix averages(data_.queries.rows(), b.cols());
  for_each_tile([&](Pass& pass) {
    const Index first_row = pass.tile().queries.begin;
    const Lanes queries = pass.queries_times(x_operand);
    const Lanes shift = pass.per_row([&](Index j) { return at.log_sum[first_row + j]; });
    const Lanes f = pass.array(keys_per_chunk);
    const auto sum = pass.template array<double>(b.cols());
    pass.for_each_chunk([&](const LaneChunk& chunk) {
      const LaneBlock& block = *chunk.block;
      pass.dots(chunk, operands_.keys, queries, f.of(block));
      pass.kernels().shifted_exponential(block.vectors, chunk.count, chunk.mask, f.of(block),
                                         shift.of(block));
      pass.add_mix(chunk, b_operand, f.of(block), sum);
    });
    pass.unpack(sum, averages);
  });
  return averages;
}

template class AttentionStream<double>;
template class AttentionStream<float>;

}  // namespace attnewton
