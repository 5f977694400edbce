#include "attnewton/curvature/attention_blocks.hpp"

#include <algorithm>

#include "attnewton/linalg/packed_symmetric.hpp"

#include "row_product.hpp"
#include "tile_blocks.hpp"

namespace attnewton {
namespace {

// The tile's sums over keys, in lanes.
struct KeySums {
  LaneArray<double> r;       // R_j = A₂ᵀ diag(f_j) A₃, whole or packed
  LaneArray<double> m;       // A₂ᵀ diag(f_j ∘ (G_j − s_j)) A₂, packed
  LaneArray<double> p;       // p_j = A₂ᵀ f_j; empty when A₃ = A₂, where it is t_j
  LaneArray<double> p_keys;  // P A₂ = g_j − s_j p_j
};

// One tile on its way to M_j, N_j and K_j.
template <class Real>
class TileBlocks {
 public:
  TileBlocks(const BlockInputs<Real>& inputs, const AttentionTile& tile, HessianForm form)
      : in_(inputs),
        shape_(inputs.shape),
        exact_(form == HessianForm::exact),
        pass_(inputs.rows.queries, inputs.operands, tile),
        kernels_(pass_.kernels()) {}

  void add_up_keys();
  void finish();
  void store(Index first_row, RowBlocks<Real>& blocks) const;

 private:
  using Lane = LaneArray<Real>;

  void weigh_chunk(const LaneChunk& chunk);
  void add_grams(Index first, const std::vector<LaneChunk>& chunks);
  void multiply_n_by_y(const LaneBlock& block, const Real* n, Real* k, Real* row) const;

  const BlockInputs<Real>& in_;
  const BlockShape shape_;
  const bool exact_;
  AttentionTilePass<Real> pass_;
  const TileKernels<Real>& kernels_;
  KeySums sums_;
  // Of the chunk of keys that goes by: F and P.
  Lane f_;
  Lane p_;
  // Of the tile's rows.
  Lane queries_;
  Lane shift_;
  Lane residual_;
  Lane s_;
  Lane ones_;
  Real* khatri_rao_ = nullptr;
  // The results.
  Lane m_;
  Lane n_;
  Lane k_;
};

// F and, for the exact form, P = F∘(G − s1ᵀ) of a chunk of keys, and what is thin of their sums.
template <class Real>
void TileBlocks<Real>::weigh_chunk(const LaneChunk& chunk) {
  const LaneBlock& block = *chunk.block;
  Real* f = f_.of(block);
  pass_.dots(chunk, in_.operands.keys, queries_, f);
  kernels_.shifted_exponential(block.vectors, chunk.count, chunk.mask, f, shift_.of(block));
  if (!shape_.symmetric) pass_.add_mix(chunk, in_.operands.keys, f, sums_.p);
  if (!exact_) return;
  Real* p = p_.of(block);
  pass_.dots(chunk, in_.outputs, residual_, p);
  kernels_.backward(block.vectors, chunk.count, f, ones_.of(block), s_.of(block), p);
  pass_.add_mix(chunk, in_.operands.keys, p, sums_.p_keys);
}

// The weighted Grams of a chunk of keys; Khatri–Rao rows that R and M both want are made once.
template <class Real>
void TileBlocks<Real>::add_grams(Index first, const std::vector<LaneChunk>& chunks) {
  const Operand<Real>& keys = in_.operands.keys;
  const Operand<Real>& values = in_.operands.values();
  const KhatriRaoSum<Real> to_r{f_, sums_.r};
  std::vector<KhatriRaoSum<Real>> squares;
  if (shape_.symmetric) squares.push_back(to_r);
  if (exact_) squares.push_back({p_, sums_.m});
  if (!squares.empty())
    add_key_grams(pass_, keys, chunks, std::span<const KhatriRaoSum<Real>>(squares), khatri_rao_);
  if (shape_.symmetric) return;
  const Index key = pass_.tile().keys.begin + first;
  add_khatri_rao(pass_, chunks, shape_.n_size(), std::span(&to_r, 1), khatri_rao_,
                 [&](Index rows, Index column, Index count) {
                   kernels_.khatri_rao(rows, shape_.d3, Real{1}, keys.row(key), keys.columns(),
                                       values.row(key), values.columns(), column, count, khatri_rao_,
                                       khatri_rao_columns);
                 });
}

template <class Real>
void TileBlocks<Real>::add_up_keys() {
  const AttentionTile& tile = pass_.tile();
  const Index first_row = tile.queries.begin;
  sums_.r = pass_.template array<double>(shape_.n_size());
  if (exact_) sums_.m = pass_.template array<double>(shape_.m_size());
  if (exact_) sums_.p_keys = pass_.template array<double>(shape_.d2);
  if (!shape_.symmetric) sums_.p = pass_.template array<double>(shape_.d2);
  f_ = pass_.array(keys_per_chunk);
  if (exact_) p_ = pass_.array(keys_per_chunk);
  queries_ = pass_.queries_times(in_.x);
  shift_ = pass_.per_row([&](Index j) { return in_.rows.at.log_sum[first_row + j]; });
  residual_ = pass_.packed(in_.rows.at.residual);
  s_ = pass_.per_row([&](Index j) {
    const auto c = in_.rows.at.residual.row(first_row + j);
    return c.dot(c + in_.rows.target.row(first_row + j));
  });
  ones_ = pass_.per_row([](Index) { return 1; });
  khatri_rao_ = pass_.numbers(keys_per_chunk * khatri_rao_columns);

  std::vector<LaneChunk> chunks;
  for (Index first = 0; first < tile.keys.size(); first += keys_per_chunk) {
    chunks.clear();
    for (const LaneBlock& block : pass_.blocks()) {
      const LaneChunk chunk = pass_.chunk_of(block, first);
      if (chunk.count <= 0) continue;
      weigh_chunk(chunk);
      chunks.push_back(chunk);
    }
    add_grams(first, chunks);
  }
}

// K_j = N_j Y of a block's lanes, a row of N_j at a time; `row` is room for one.
template <class Real>
void TileBlocks<Real>::multiply_n_by_y(const LaneBlock& block, const Real* n, Real* k, Real* row) const {
  for (Index b = 0; b < shape_.d2; ++b) {
    const Real* n_row = n + b * shape_.d3 * block.width;
    if (shape_.symmetric) {
      n_row = row;
      std::copy_n(n + packed_index(b, 0) * block.width, (b + 1) * block.width, row);
      for (Index c = b + 1; c < shape_.d3; ++c)
        std::copy_n(n + packed_index(c, b) * block.width, block.width, row + c * block.width);
    }
    kernels_.mix(block.vectors, shape_.e, shape_.d3, in_.y.row(0), shape_.e, {n_row, block.width},
                 {k + b * shape_.e * block.width, block.width}, false);
  }
}

// N_j = R_j − p_j t_jᵀ, K_j = N_j Y, and M_j's part of low rank: K_j K_jᵀ − h_j p_jᵀ − p_j h_jᵀ with
// h_j = g_j − s_j p_j = (P A₂)_j, which gathers the s_j terms (−g pᵀ − p gᵀ + 2 s p pᵀ).
template <class Real>
void TileBlocks<Real>::finish() {
  const Lane t = pass_.packed(in_.rows.at.mixed);
  const Lane p = shape_.symmetric ? t : pass_.rounded(sums_.p);
  const Lane h = exact_ ? pass_.rounded(sums_.p_keys) : Lane();
  n_ = pass_.rounded(sums_.r);
  k_ = pass_.array(shape_.k_size());
  m_ = pass_.rounded(exact_ ? sums_.m : pass_.zeros(shape_.m_size()));
  Real* row = pass_.numbers(shape_.d3 * pass_.blocks().front().width);
  for (const LaneBlock& block : pass_.blocks()) {
    kernels_.subtract_outer(block.vectors, shape_.d2, shape_.d3, shape_.symmetric, p.of(block), t.of(block),
                            n_.of(block));
    multiply_n_by_y(block, n_.of(block), k_.of(block), row);
    kernels_.add_low_rank(block.vectors, shape_.d2, shape_.e, k_.of(block), exact_ ? h.of(block) : nullptr,
                          exact_ ? p.of(block) : nullptr, m_.of(block));
  }
}

template <class Real>
void TileBlocks<Real>::store(Index first_row, RowBlocks<Real>& blocks) const {
  store_rows(pass_, m_, first_row, blocks.m);
  store_rows(pass_, k_, first_row, blocks.k);
  if (exact_) store_rows(pass_, n_, first_row, blocks.n);
}

}  // namespace

BlockShape BlockShape::of(const AttentionData& data) {
  return {data.query_width(), data.key_width(), data.value_width(), data.output_width(),
          data.values_are_keys};
}

template <class Real>
RowBlocks<Real>::RowBlocks(const BlockShape& shape, HessianForm form, Index rows)
    : m(rows, shape.m_size(), panel_width<Real>()),
      n(form == HessianForm::exact ? rows : 0, shape.n_size(), panel_width<Real>()),
      k(rows, shape.k_size(), panel_width<Real>()) {}

template <class Real>
BlockInputs<Real>::BlockInputs(const AttentionProblem& problem, const AttentionPoint& point,
                               const AttentionRows& query_rows)
    : operands(problem.stream<Real>().operands()),
      rows(query_rows),
      shape(BlockShape::of(problem.data())),
      scaled_x(problem.data().scale * point.x),
      outputs_in_double(product_by_rows(problem.data().values(), point.y)),
      x(scaled_x),
      y(point.y),
      outputs(outputs_in_double) {}

template <class Real>
void fill_row_blocks(const BlockInputs<Real>& inputs, const AttentionTile& tile, HessianForm form,
                     Index first_row, RowBlocks<Real>& blocks) {
  TileBlocks<Real> tile_blocks(inputs, tile, form);
  tile_blocks.add_up_keys();
  tile_blocks.finish();
  tile_blocks.store(first_row, blocks);
}

template struct RowBlocks<double>;
template struct BlockInputs<double>;
template void fill_row_blocks(const BlockInputs<double>&, const AttentionTile&, HessianForm, Index,
                              RowBlocks<double>&);

template struct RowBlocks<float>;
template struct BlockInputs<float>;
template void fill_row_blocks(const BlockInputs<float>&, const AttentionTile&, HessianForm, Index,
                              RowBlocks<float>&);

}  // namespace attnewton
