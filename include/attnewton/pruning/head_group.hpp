// The weights of attention heads that share a key factor, and where each lies among all the group's numbers.
#pragma once

#include <vector>

#include "attnewton/core/types.hpp"

namespace attnewton {

/// Where one matrix of a HeadGroup lies in the vector of all its weights.
struct ParameterBlock {
  Range range;        ///< of the vector, row-major
  Index rows = 0;     ///< d
  Index columns = 0;  ///< r (fused: d)
  bool is_key = false;

  bool operator==(const ParameterBlock&) const = default;
};

/// Weights of a group of heads on inputs X (n × d) that share a key factor (MATHEMATICS §4). Logits of head
/// h:
///   factors: scale · (X P_h + 1 b_hᵀ)(X K)ᵀ, P_h and K d × r. A key bias would only add a number to each row
///            of logits, which softmax drops.
///   fused:   scale · (X P_h + 1 b_hᵀ) Xᵀ, P_h d × d, no K.
struct HeadGroup {
  std::vector<Matrix> query;      ///< P_h, all of one shape
  Matrix key = {};                ///< K; empty: fused
  std::vector<Vector> bias = {};  ///< b_h, a number a column of P_h; none at all, or one a head

  bool is_fused() const { return key.size() == 0; }
  Index heads() const { return static_cast<Index>(query.size()); }
  /// d. There must be a head.
  Index width() const { return query.front().rows(); }
  /// r, or d of fused weights. There must be a head.
  Index inner_width() const { return query.front().cols(); }
  /// Weights of all P_h and K; biases are none.
  Index parameters() const;
  /// P_1, P_2, …, and K last if there is one.
  std::vector<ParameterBlock> blocks() const;
  /// (vec P_1, vec P_2, …, vec K), row-major. O(parameters()).
  Vector to_vector() const;
  /// Replaces P_h and K by those of such a vector; biases stay. Throws InternalError if its length is not
  /// parameters().
  void set(const Vector& weights);
};

}  // namespace attnewton
