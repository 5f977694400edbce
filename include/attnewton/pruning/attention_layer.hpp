// A layer's query and key weights as groups of heads, from and to the matrices that models store.
#pragma once

#include <vector>

#include "attnewton/pruning/head_group.hpp"
#include "attnewton/pruning/mask.hpp"

namespace attnewton {

/// Query and key projections of a layer as models store them: outputs × inputs, q = x Wqᵀ + bq. Key biases
/// are left out: they add a number to each row of logits, which softmax drops.
struct StoredProjections {
  Matrix query;  ///< H·r × d
  Matrix key;    ///< G·r × d, G dividing H: query heads h·G/H share a key head
  Vector bias;   ///< of the queries, H·r; empty: none
};

/// All heads of a layer, those that share a key factor together.
struct AttentionLayer {
  std::vector<HeadGroup> groups;

  bool is_fused() const { return groups.front().is_fused(); }
  Index heads() const;
  /// d.
  Index width() const { return groups.front().width(); }
  /// Weights of all groups.
  Index parameters() const;
};

/// `heads` = H query heads of width r. Throws DataError if the shapes do not fit: r = rows of query / H and
/// the key's rows must be whole numbers of heads.
AttentionLayer layer_of(const StoredProjections& stored, Index heads);

/// A layer of one fused head of weights W (d × d). Throws DataError if it is not square.
AttentionLayer layer_of_fused(const Matrix& weights);

/// The same maps with fused weights, a group a head: P_h Kᵀ in place of P_h, K b_h in place of b_h. The layer
/// itself if it is fused. Cost d²r a head.
AttentionLayer fused(const AttentionLayer& layer);

/// The projections of a layer of factors, for a model's file. The reverse of layer_of().
StoredProjections stored(const AttentionLayer& layer);

/// Fused weights of all heads below one another, H·d × d.
Matrix stacked(const AttentionLayer& layer);

}  // namespace attnewton
