// The passes of a Hessian–vector product (MATHEMATICS §1): dT and dC need a whole row of scores, dP A₂ needs
// dC, so keys go by twice. All row sums of dP follow from T, C and their derivatives, not from the scores.
#include "attention_stream_parts.hpp"

namespace attnewton {

// F and Z′ of a tile, a chunk of keys at a time: from the logits, or as stored.
template <class Real>
class AttentionStream<Real>::TileLogits {
 public:
  TileLogits(Pass& pass, const AttentionOperands<Real>& operands, const Direction& d, const Lanes& stored_f,
             const Lanes& stored_z)
      : pass_(pass),
        operands_(operands),
        queries_(pass.queries_times(d.x_operand)),
        directions_(pass.queries_times(d.dx_operand)),
        shift_(pass.per_row([&](Index j) { return d.at.log_sum[pass.tile().queries.begin + j]; })),
        stores_(stored_f),
        f_(stores_ ? stored_f : pass.array(keys_per_chunk)),
        z_(stores_ ? stored_z : pass.array(keys_per_chunk)) {}

  Real* f(const LaneChunk& chunk) const { return f_.of(*chunk.block, stores_ ? chunk.first : 0); }
  Real* z(const LaneChunk& chunk) const { return z_.of(*chunk.block, stores_ ? chunk.first : 0); }

  void compute(const LaneChunk& chunk) const {
    pass_.dots(chunk, operands_.keys, queries_, f(chunk));
    pass_.kernels().shifted_exponential(chunk.block->vectors, chunk.count, chunk.mask, f(chunk),
                                        shift_.of(*chunk.block));
    pass_.dots(chunk, operands_.keys, directions_, z(chunk));
  }

 private:
  Pass& pass_;
  const AttentionOperands<Real>& operands_;
  Lanes queries_;
  Lanes directions_;
  Lanes shift_;
  bool stores_;
  Lanes f_;
  Lanes z_;
};

// dT = Σ_k F∘Z′ a₃ − r t, r = rowsum(F∘Z′), and dC.
template <class Real>
void AttentionStream<Real>::direction_over_tile(Pass& pass, const Direction& d, const TileLogits& logits,
                                                AttentionDirection& out) const {
  const auto& kernels = pass.kernels();
  const AttentionTile& tile = pass.tile();
  const Lanes weighted = pass.array(keys_per_chunk);
  const LaneArray<double> mean = pass.zeros(1);
  const auto mix = pass.template array<double>(data_.value_width());
  pass.for_each_chunk([&](const LaneChunk& chunk) {
    const LaneBlock& block = *chunk.block;
    logits.compute(chunk);
    kernels.weigh(block.vectors, chunk.count, logits.f(chunk), logits.z(chunk), weighted.of(block),
                  mean.of(block));
    pass.add_mix(chunk, operands_.values(), weighted.of(block), mix);
  });
  pass.unpack(mix, out.mixed);
  for (const LaneBlock& block : pass.blocks()) {
    for (Index i = 0; i < block.rows; ++i) {
      const Index j = tile.queries.begin + block.first_row + i;
      out.logit_mean[j] = mean.of(block)[i];
      out.mixed.row(j) -= out.logit_mean[j] * d.at.mixed.row(j);
    }
  }
  auto residual = query_rows(out.residual, tile);
  multiply_rows(query_rows(out.mixed, tile), d.y, residual);
  if (!d.changes_y) return;
  Matrix by_dy(residual.rows(), residual.cols());
  multiply_rows(query_rows(d.at.mixed, tile), d.dy, by_dy);
  residual += by_dy;
}

// The tile's rows of dC Yᵀ + C Y′ᵀ in lanes: dG = (dC Yᵀ + C Y′ᵀ) A₃ᵀ.
template <class Real>
typename AttentionStream<Real>::Lanes AttentionStream<Real>::d_residual_by_values(
    Pass& pass, const Direction& d, const AttentionDirection& out) const {
  const AttentionTile& tile = pass.tile();
  Matrix sum(tile.queries.size(), data_.value_width());
  Matrix part(sum.rows(), sum.cols());
  multiply_rows(query_rows(out.residual, tile), d.y_transposed, sum);
  multiply_rows(query_rows(d.at.residual, tile), d.dy_transposed, part);
  sum += part;
  return pass.packed_own(sum);
}

// dP = F∘(dG − u + (Z′ − r)∘(G − s)) with s = rowsum(F∘G) = ⟨o, c⟩ and u = rowsum(F∘dG) + rowsum(dF∘G) =
// ⟨o, dC⟩ + ⟨c, T Y′⟩ + ⟨dT Y, c⟩ = ⟨o + c, dC⟩, row by row; o = c + b.
template <class Real>
void AttentionStream<Real>::direction_back_over_tile(Pass& pass, const Direction& d, const TileLogits& logits,
                                                     bool computed, AttentionDirection& out) const {
  const auto& kernels = pass.kernels();
  const Index first_row = pass.tile().queries.begin;
  const Lanes residual = pass.packed(d.at.residual);
  const Lanes d_residual = d.through_values ? Lanes() : pass.packed(out.residual);
  const Lanes by_values = d.through_values ? d_residual_by_values(pass, d, out) : Lanes();
  const Lanes r = pass.per_row([&](Index j) { return out.logit_mean[first_row + j]; });
  const Lanes s = pass.per_row([&](Index j) {
    const auto c = d.at.residual.row(first_row + j);
    return c.dot(c + data_.target.row(first_row + j));
  });
  const Lanes u = pass.per_row([&](Index j) {
    const auto c = d.at.residual.row(first_row + j);
    return out.residual.row(first_row + j).dot(2 * c + data_.target.row(first_row + j));
  });
  const Lanes g = pass.array(keys_per_chunk);
  const Lanes dg = pass.array(keys_per_chunk);
  const auto sum = pass.template array<double>(data_.key_width());
  pass.for_each_chunk([&](const LaneChunk& chunk) {
    const LaneBlock& block = *chunk.block;
    if (!computed) logits.compute(chunk);
    pass.dots(chunk, d.outputs_operand, residual, g.of(block));
    if (d.through_values) {
      pass.dots(chunk, operands_.values(), by_values, dg.of(block));
    } else {
      pass.dots(chunk, d.outputs_operand, d_residual, dg.of(block));
      if (d.changes_y) pass.dots(chunk, d.d_outputs_operand, residual, dg.of(block), true);
    }
    kernels.backward_direction(block.vectors, chunk.count, logits.f(chunk), logits.z(chunk), g.of(block),
                               u.of(block), r.of(block), s.of(block), dg.of(block));
    pass.add_mix(chunk, operands_.keys, dg.of(block), sum);
  });
  pass.unpack(sum, out.pulled_back);
}

template <class Real>
AttentionDirection AttentionStream<Real>::direction(const Matrix& x, const Matrix& y,
                                                    const AttentionForward& at, const Matrix& dx,
                                                    const Matrix& dy) const {
  const Direction d(data_, x, y, at, dx, dy);
  AttentionDirection out = empty_direction();
  for_each_tile(
      [&](Pass& pass) { direction_over_tile(pass, d, TileLogits(pass, operands_, d, {}, {}), out); });
  return out;
}

template <class Real>
void AttentionStream<Real>::direction_back(const Matrix& x, const Matrix& y, const AttentionForward& at,
                                           const Matrix& dx, const Matrix& dy,
                                           AttentionDirection& direction) const {
  const Direction d(data_, x, y, at, dx, dy);
  for_each_tile([&](Pass& pass) {
    direction_back_over_tile(pass, d, TileLogits(pass, operands_, d, {}, {}), false, direction);
  });
}

template <class Real>
AttentionDirection AttentionStream<Real>::direction_and_back(const Matrix& x, const Matrix& y,
                                                             const AttentionForward& at, const Matrix& dx,
                                                             const Matrix& dy) const {
  const Direction d(data_, x, y, at, dx, dy);
  AttentionDirection out = empty_direction();
  for_each_tile([&](Pass& pass) {
    const Index keys = pass.tile().keys.size();
    const bool stores = 2 * pass.scores() <= most_stored_scores;
    const Lanes f = stores ? pass.array(keys) : Lanes();
    const Lanes z = stores ? pass.array(keys) : Lanes();
    const TileLogits logits(pass, operands_, d, f, z);
    direction_over_tile(pass, d, logits, out);
    direction_back_over_tile(pass, d, logits, stores, out);
  });
  return out;
}

template <class Real>
AttentionDirection AttentionStream<Real>::empty_direction() const {
  const Index n = data_.queries.rows();
  AttentionDirection out;
  out.mixed.resize(n, data_.value_width());
  out.logit_mean.resize(n);
  out.residual.resize(n, data_.output_width());
  out.pulled_back.resize(n, data_.key_width());
  return out;
}

template class AttentionStream<double>;
template class AttentionStream<float>;

}  // namespace attnewton
