// Streamed attention on one tile: keys go by in chunks, query rows stand in lanes, nothing of size rows ×
// keys is kept but what fits a budget (MATHEMATICS §1).
#pragma once

#include <vector>

#include "attnewton/kernels/instruction_set.hpp"
#include "attnewton/kernels/lane_layout.hpp"
#include "attnewton/kernels/operand.hpp"
#include "attnewton/kernels/scratch.hpp"
#include "attnewton/kernels/tile_kernels.hpp"
#include "attnewton/problems/attention_data.hpp"

namespace attnewton {

/// Keys and values as the kernels read them.
template <class Real>
struct AttentionOperands {
  explicit AttentionOperands(const AttentionData& data)
      : keys(data.keys),
        separate_values(data.values_are_keys ? Operand<Real>() : Operand<Real>(data.separate_values)),
        values_are_keys(data.values_are_keys) {}
  /// Keys that are values as well.
  explicit AttentionOperands(const Matrix& a2) : keys(a2), values_are_keys(true) {}

  const Operand<Real>& values() const { return values_are_keys ? keys : separate_values; }

  Operand<Real> keys;             ///< A₂, m_local × d₂
  Operand<Real> separate_values;  ///< A₃, m_local × d₃; empty when A₃ = A₂
  bool values_are_keys;
};

/// Keys that stream by together: their scores for a block of lanes stay in the first-level cache.
inline constexpr Index keys_per_chunk = 128;

/// Chunks that so many keys make.
inline Index chunks_of(Index keys) {
  return (keys + keys_per_chunk - 1) / keys_per_chunk;
}

/// Scores (rows × keys) of a tile up to which a pass keeps its exponentials rather than computes them again.
inline constexpr Index most_stored_scores = Index{1} << 20;

/// A block of lanes meets a chunk of keys.
struct LaneChunk {
  const LaneBlock* block;
  Index first = 0;  ///< the chunk's first key, counted from the tile's first
  Index count = 0;  ///< keys of the chunk that any of the block's rows sees
  LaneMask mask;    ///< those that its lanes see

  Index index() const { return first / keys_per_chunk; }
};

/// The passes over one tile. Everything is local to the calling thread, and lives in its scratch: objects of
/// a thread end in the order opposite to that of their beginnings.
template <class Real>
class AttentionTilePass {
 public:
  /// `queries` are the local rows of A₁. All three must outlive this.
  AttentionTilePass(const Matrix& queries, const AttentionOperands<Real>& operands,
                    const AttentionTile& tile);

  const std::vector<LaneBlock>& blocks() const { return blocks_; }
  const AttentionTile& tile() const { return tile_; }
  const TileKernels<Real>& kernels() const { return kernels_; }

  /// Uninitialised array of `rows` rows in lanes layout, from the thread's scratch.
  template <class T = Real>
  LaneArray<T> array(Index rows) {
    return {scratch_.template take<T>(rows * total_lanes(blocks_)), rows};
  }

  /// `count` uninitialised numbers, likewise.
  Real* numbers(Index count) { return scratch_.template take<Real>(count); }

  /// Scores of all the tile's keys and lanes, unused ones included.
  Index scores() const { return total_lanes(blocks_) * tile_.keys.size(); }

  /// What of the chunk of keys that begins with `first` the block sees; nothing if its count is not positive.
  LaneChunk chunk_of(const LaneBlock& block, Index first) const;
  /// Calls f(LaneChunk) for every chunk of keys, block by block, masked ones left out.
  template <class F>
  void for_each_chunk(F&& f) const {
    for (Index first = 0; first < tile_.keys.size(); first += keys_per_chunk) {
      for (const LaneBlock& block : blocks_) {
        const LaneChunk chunk = chunk_of(block, first);
        if (chunk.count > 0) f(chunk);
      }
    }
  }

  /// The tile's rows of a row-major local matrix (rows of A₁, C, …), in lanes.
  LaneArray<Real> packed(const Matrix& rows);
  /// Those of a matrix that holds the tile's rows alone.
  LaneArray<Real> packed_own(const Matrix& rows) { return packed_rows(rows, 0); }
  /// (A₁ X)ᵀ of the tile's rows, d₂ × lanes; `x` is d₁ × d₂. rows·d₁·d₂ multiply–adds.
  LaneArray<Real> queries_times(const Operand<Real>& x);
  /// A number a query row, in lanes (0 in unused ones); `of(j)` for the tile's row j.
  template <class F>
  LaneArray<Real> per_row(F&& of) {
    LaneArray<Real> lanes = array(1);
    for (const LaneBlock& block : blocks_) {
      for (Index i = 0; i < block.width; ++i) {
        lanes.of(block)[i] = i < block.rows ? static_cast<Real>(of(block.first_row + i)) : Real{0};
      }
    }
    return lanes;
  }
  /// `rows` rows of zeros, to add up products in.
  LaneArray<double> zeros(Index rows);

  /// (keys of the chunk) × (lanes): rows of `b` (m_local × width) times lanes of `in` (width rows).
  void dots(const LaneChunk& chunk, const Operand<Real>& b, const LaneArray<Real>& in, Real* out,
            bool accumulate = false) const;
  /// Adds (rows of `b` of the chunk's keys)ᵀ · weights (count × lanes) to `sum`, which the first chunk of
  /// keys, seen by all rows, overwrites.
  void add_mix(const LaneChunk& chunk, const Operand<Real>& b, const Real* weights,
               const LaneArray<double>& sum);
  /// The same of any `columns` ≤ most_mix_columns() columns of count rows from `b` on.
  void add_mix(const LaneChunk& chunk, const Real* b, Index columns, Index stride, const Real* weights,
               double* sum);
  Index most_mix_columns() const;
  /// Sums as the kernels read them: themselves in double, a rounded copy in float.
  LaneArray<Real> rounded(const LaneArray<double>& sums);
  /// Lanes into the tile's rows of a row-major local matrix.
  void unpack(const LaneArray<double>& lanes, Matrix& rows) const;

  /// Maximum and sum of the exponentials of every row's scores, over the chunks of keys so far.
  struct RunningSoftmax {
    LaneArray<Real> maximum;
    LaneArray<double> sum;
    LaneArray<double> rescale;  ///< what the last chunk made of sums over those before it
  };
  RunningSoftmax start_softmax();
  /// `scores` = exp(score − maximum) of the chunk's keys. Returns whether a maximum changed; sums over the
  /// chunks before are then to be multiplied by rescale.
  bool add_to_softmax(const LaneChunk& chunk, const LaneArray<Real>& queries, Real* scores,
                      const RunningSoftmax& softmax) const;
  /// The log-sum-exp of every row into the tile's rows of `log_sum`; rescale = 1/sum. `weights` (a row a
  /// chunk), if given, holds the maximum that each chunk's exponentials were taken with and receives what
  /// makes them F: F = exponential·weight.
  void finish_softmax(const RunningSoftmax& softmax, Vector& log_sum, const LaneArray<Real>& weights) const;

  /// T = F A₃ and the log-sum-exp of every row, online. With `stored` (as many rows as keys) the
  /// exponentials stay there, and `weights` (a row a chunk) receives what makes them F: F = stored·weight.
  void softmax_mix(const LaneArray<Real>& queries, Matrix& mixed, Vector& log_sum,
                   const LaneArray<Real>& stored = {}, const LaneArray<Real>& weights = {});

 private:
  LaneArray<Real> packed_rows(const Matrix& rows, Index first);
  LaneArray<Index> visible_keys();
  const TileKernels<Real>& kernels_;
  const Matrix& queries_;
  const AttentionOperands<Real>& operands_;
  const AttentionTile& tile_;
  ScratchFrame scratch_;
  std::vector<LaneBlock> blocks_;
  LaneArray<Index> visible_;  // how many of the tile's keys a lane sees; of a causal tile
  Real* part_ = nullptr;      // a product before it is added in double
};

extern template class AttentionTilePass<double>;
extern template class AttentionTilePass<float>;

}  // namespace attnewton
