// Streamed passes over all of a rank's query rows: softmax, loss, gradient and Hessian–vector product of the
// attention layer, a tile at a time on TBB's threads (MATHEMATICS §1). No n × m matrix exists.
#pragma once

#include <vector>

#include "attnewton/problems/attention_tile_pass.hpp"

namespace attnewton {

/// What a forward pass leaves of the local query rows; `residual` and `pulled_back` if Y was given.
struct AttentionForward {
  Matrix mixed;        ///< T = F A₃, n_local × d₃
  Vector log_sum;      ///< log-sum-exp of each row's visible logits: F = exp(S − log_sum)
  Matrix residual;     ///< C = T Y − B, n_local × e
  Matrix pulled_back;  ///< P A₂, n_local × d₂
};

/// Derivatives in a direction (X′, Y′), of the local query rows.
struct AttentionDirection {
  Matrix mixed;        ///< dT = dF A₃
  Vector logit_mean;   ///< r = rowsum(F∘Z′)
  Matrix residual;     ///< dC = dT Y + T Y′
  Matrix pulled_back;  ///< dP A₂
};

/// The passes, with tiles and exponentials in `Real` and sums over keys in double. Everything is local and
/// the same bits for any number of threads. X and X′ are d₁ × d₂, Y and Y′ d₃ × e; a product is 2·n·m·d
/// operations.
template <class Real>
class AttentionStream {
 public:
  /// `data` must outlive this and stay in place.
  explicit AttentionStream(const AttentionData& data);

  const std::vector<AttentionTile>& tiles() const { return tiles_; }
  const AttentionOperands<Real>& operands() const { return operands_; }

  /// T and log_sum: 2 products, an exponential an unmasked score.
  AttentionForward forward(const Matrix& x) const;

  /// All of AttentionForward in one pass: 4 products, an exponential a score; 5 and two where a tile has more
  /// than most_stored_scores.
  AttentionForward forward_and_back(const Matrix& x, const Matrix& y) const;

  /// P A₂ of a point whose log_sum and residual are known (Lemmas 5.3–5.5 of 2309.07418: ∂L/∂X =
  /// scale·A₁ᵀ(P A₂)): 3 products.
  Matrix back(const Matrix& x, const Matrix& y, const AttentionForward& at) const;

  /// F b of a point whose log_sum is known: averages of the rows of `b` (m_local × some ≤ 32 columns) by each
  /// query's softmax, n_local × as many: 1 product, an exponential a score and b's columns.
  Matrix averages(const Matrix& x, const AttentionForward& at, const Matrix& b) const;

  /// mixed, logit_mean and residual in the direction (X′, Y′): 3 products.
  AttentionDirection direction(const Matrix& x, const Matrix& y, const AttentionForward& at, const Matrix& dx,
                               const Matrix& dy) const;

  /// pulled_back as well, `direction` having the rest: 6 products.
  void direction_back(const Matrix& x, const Matrix& y, const AttentionForward& at, const Matrix& dx,
                      const Matrix& dy, AttentionDirection& direction) const;

  /// direction() and direction_back() in one pass: 7 products, or 9 where a tile has more than half of
  /// most_stored_scores.
  AttentionDirection direction_and_back(const Matrix& x, const Matrix& y, const AttentionForward& at,
                                        const Matrix& dx, const Matrix& dy) const;

 private:
  using Pass = AttentionTilePass<Real>;
  using Lanes = LaneArray<Real>;
  struct Gradient;   // what the backward pass of every tile reads
  struct Direction;  // what the passes in a direction read
  class TileLogits;  // F and Z′ of a tile, chunk by chunk

  template <class F>
  void for_each_tile(F&& f) const;

  void back_over_tile(Pass& pass, const Gradient& g, const Lanes& queries, const Lanes& stored,
                      const Lanes& weights, const AttentionForward& at, Matrix& pulled_back) const;
  void direction_over_tile(Pass& pass, const Direction& d, const TileLogits& logits,
                           AttentionDirection& out) const;
  Lanes d_residual_by_values(Pass& pass, const Direction& d, const AttentionDirection& out) const;
  void direction_back_over_tile(Pass& pass, const Direction& d, const TileLogits& logits, bool computed,
                                AttentionDirection& out) const;
  AttentionDirection empty_direction() const;

  const AttentionData& data_;
  AttentionOperands<Real> operands_;
  std::vector<AttentionTile> tiles_;
  std::vector<Range> batches_;  // of tiles that make a task together
};

extern template class AttentionStream<double>;
extern template class AttentionStream<float>;

}  // namespace attnewton
